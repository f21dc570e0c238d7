"""The models' endpoints of both back ends: generateContent, its stream, countTokens, and the list of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from .addresses import Target, authenticate, read_target
from .answerer import SERVED_BY
from .errors import too_large, unknown_model
from .responses import counted, document, stream

if TYPE_CHECKING:
    from starlette.requests import Request

    from .answerer import Answer
    from .control import CallLog
    from .faults import FaultInjector
    from .generator import Generator

METHODS = ("generateContent", "streamGenerateContent", "countTokens")


class ModelsApi:
    """Endpoints over one generator; `inline_limit` is the largest request body in bytes."""

    def __init__(self, generator: Generator, log: CallLog, injector: FaultInjector, *, inline_limit: int) -> None:
        self._generator = generator
        self._log = log
        self._injector = injector
        self._inline_limit = inline_limit

    async def call(self, request: Request) -> Response:
        """Answer `models/M:method`."""
        target = read_target(request)
        authenticate(request, vertex=target.vertex)
        if target.method not in METHODS:
            raise unknown_model(target.model, target.version, target.method)
        if target.method == "countTokens":
            return await self._count(request, target)
        answer = await self._answered(request, target)
        if target.method == "generateContent":
            return JSONResponse(document(answer, vertex=target.vertex))
        return stream(answer, sse=request.query_params.get("alt") == "sse", vertex=target.vertex)

    async def list(self, request: Request) -> Response:
        """Answer the list of models."""
        authenticate(request)
        await self._injector.inject(request, "models.list", "")
        return JSONResponse({"models": [_described(name) for name in self._generator.models]})

    async def get(self, request: Request) -> Response:
        """Answer one model's description."""
        authenticate(request)
        name = request.path_params["model"]
        await self._injector.inject(request, "models.get", name)
        self._generator.model(Target(name, "getModel", request.path_params["version"]))
        return JSONResponse(_described(name))

    async def _answered(self, request: Request, target: Target) -> Answer:
        with self._log.call(target.model) as call:
            fault = await self._injector.inject(request, f"models.{target.method}", target.model)
            call.fault = fault.kind if fault else None
            body = await read_limited(request, self._inline_limit)
            return await self._generator.answer(target, body, call, fault=fault)

    async def _count(self, request: Request, target: Target) -> Response:
        await self._injector.inject(request, "models.countTokens", target.model)
        body = await read_limited(request, self._inline_limit)
        return JSONResponse(counted(await self._generator.count(target, body)))


async def read_limited(request: Request, limit: int) -> bytes:
    """Return the request's body.

    Raises:
        ApiError: 400, it is larger than `limit` bytes.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        # Read to the end in any case: a reply before that reaches the client as a broken connection.
        if size <= limit:
            chunks.append(chunk)
    if size > limit:
        raise too_large(limit)
    return b"".join(chunks)


def _described(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": SERVED_BY,
        "displayName": f"{name}, emulated",
        "description": "Answered by classical vision on this machine; no Gemini model is asked.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": [*METHODS, "batchGenerateContent"],
        "thinking": True,
    }
