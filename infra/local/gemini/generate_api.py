"""The models' endpoints: generateContent, its stream, countTokens, and the list of models."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from infra.local.gemini.answering import Question
from infra.local.gemini.control import SeenImage
from infra.local.gemini.errors import invalid, too_large, unknown_model
from infra.local.gemini.files_api import require_key
from infra.local.gemini.models import MODELS, check_thinking
from infra.local.gemini.request import IMAGE_TYPES, field, read_body, read_generate
from infra.local.gemini.tasks import guess_task

if TYPE_CHECKING:
    from starlette.requests import Request

    from infra.local.gemini.answering import Answer, Answerer, Usage
    from infra.local.gemini.control import Call, CallLog
    from infra.local.gemini.files import FileStore
    from infra.local.gemini.models import Model
    from infra.local.gemini.request import GenerateRequest, ImagePart

SERVED_BY = "local-vision"
"""The honest `modelVersion`: no Gemini model was asked."""
METHODS = ("generateContent", "streamGenerateContent", "countTokens")
STREAM_PIECES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """`inline_bytes`: the largest request body; `latency_s`: how long an answer is held back."""

    inline_bytes: int
    latency_s: float


class GenerateApi:
    """Endpoints over one answerer."""

    def __init__(self, answerer: Answerer, files: FileStore, log: CallLog, *, limits: Limits) -> None:
        self._answerer = answerer
        self._files = files
        self._log = log
        self._limits = limits

    async def call(self, request: Request) -> Response:
        """Answer `models/M:method`."""
        require_key(request)
        name, _, method = request.path_params["call"].rpartition(":")
        if method not in METHODS:
            raise unknown_model(name, request.path_params["version"], method)
        if method == "countTokens":
            return await self._count(request, name)
        answer = await self._answered(request, name, method)
        if method == "generateContent":
            return JSONResponse(_document(answer))
        return _stream(answer, sse=request.query_params.get("alt") == "sse")

    async def list(self, request: Request) -> Response:
        """Answer the list of models."""
        require_key(request)
        return JSONResponse({"models": [_described(name) for name in MODELS]})

    async def get(self, request: Request) -> Response:
        """Answer one model's description."""
        require_key(request)
        name = request.path_params["model"]
        _model(request, name, "getModel")
        return JSONResponse(_described(name))

    async def _answered(self, request: Request, name: str, method: str) -> Answer:
        with self._log.call(name) as call:
            body = await _body(request, self._limits.inline_bytes)
            model = _model(request, name, method)
            asked = await asyncio.to_thread(lambda: read_generate(read_body(body)))
            check_thinking(model, asked.thinking_level, asked.thinking_budget)
            call.task = guess_task(asked).value
            question = self._question(model, asked, call)
            await asyncio.sleep(self._limits.latency_s)
            return await self._answerer.answer(question)

    async def _count(self, request: Request, name: str) -> Response:
        body = read_body(await _body(request, self._limits.inline_bytes))
        model = _model(request, name, "countTokens")
        asked = read_generate(field(body, "generate_content_request", body))
        usage = await self._answerer.count(self._question(model, asked, None))
        return JSONResponse({"totalTokens": usage.text + usage.images, "promptTokensDetails": _by_modality(usage)})

    def _question(self, model: Model, asked: GenerateRequest, call: Call | None) -> Question:
        images = tuple(self._read(part) for part in asked.images)
        digests = tuple(hashlib.sha256(data).hexdigest() for data in images)
        if call:
            call.images = [_seen(*each) for each in zip(asked.images, images, digests, strict=True)]
        return Question(model, asked, images, digests)

    def _read(self, part: ImagePart) -> bytes:
        if part.file_id is None:
            return part.data or b""
        mime_type = self._files.get(part.file_id).meta.mime_type
        if mime_type not in IMAGE_TYPES:
            raise invalid(f"Unsupported MIME type: {mime_type}")
        return self._files.read(part.file_id)


def _model(request: Request, name: str, method: str) -> Model:
    if name not in MODELS:
        raise unknown_model(name, request.path_params["version"], method)
    return MODELS[name]


def _seen(part: ImagePart, data: bytes, digest: str) -> SeenImage:
    return SeenImage("inline" if part.file_id is None else "file", digest, part.mime_type, len(data))


async def _body(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        # Read to the end in any case: a reply before that reaches the client as a broken connection.
        if size <= limit:
            chunks.append(chunk)
    if size > limit:
        raise too_large(limit)
    return b"".join(chunks)


def _document(answer: Answer) -> dict[str, Any]:
    thought = [{"text": answer.thought, "thought": True}] if answer.thought else []
    text = [{"text": answer.text}] if answer.text else []
    return {
        "candidates": [_candidate([*thought, *text]) | {"finishReason": answer.finish_reason}],
        "usageMetadata": _usage(answer.usage),
        "modelVersion": SERVED_BY,
        "responseId": secrets.token_urlsafe(16),
    }


def _candidate(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}, "index": 0}


def _usage(usage: Usage) -> dict[str, Any]:
    prompt = usage.text + usage.images
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": usage.answer,
        "totalTokenCount": prompt + usage.answer + usage.thoughts,
        "promptTokensDetails": _by_modality(usage),
        "thoughtsTokenCount": usage.thoughts,
    }


def _by_modality(usage: Usage) -> list[dict[str, Any]]:
    counts = {"TEXT": usage.text, "IMAGE": usage.images}
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]


def _stream(answer: Answer, *, sse: bool) -> Response:
    last = _document(answer)
    width = max(1, -(-len(answer.text) // STREAM_PIECES))
    pieces = [answer.text[start : start + width] for start in range(0, len(answer.text), width)]
    shared = {"modelVersion": SERVED_BY, "responseId": last["responseId"]}
    events = [{"candidates": [_candidate([{"text": piece}])]} | shared for piece in pieces[:-1]]
    thoughts = [part for part in last["candidates"][0]["content"].get("parts", []) if part.get("thought")]
    ending = [*thoughts, *({"text": piece} for piece in pieces[-1:])]
    events.append(last | {"candidates": [last["candidates"][0] | _candidate(ending)]})
    if not sse:
        return JSONResponse(events)
    text = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events)
    return Response(text, media_type="text/event-stream")


def _described(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "version": SERVED_BY,
        "displayName": f"{name}, emulated",
        "description": "Answered by classical vision on this machine; no Gemini model is asked.",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": list(METHODS),
        "thinking": True,
    }
