"""The emulator as one ASGI application."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.gemini.answering import LocalVision
from infra.local.gemini.control import CallLog, ControlApi
from infra.local.gemini.errors import ApiError
from infra.local.gemini.files import FileStore
from infra.local.gemini.files_api import FilesApi
from infra.local.gemini.generate_api import GenerateApi, Limits
from infra.local.gemini.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from infra.local.gemini.answering import Answerer

MEBIBYTE = 1024**2
HTTP_STATUSES = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line sets."""

    latency_ms: float = 0
    inline_limit_mb: float = 20
    processing_seconds: float = 0


def build_app(options: Options, answerer: Answerer | None = None) -> Starlette:
    """Return the application; `answerer` may replace local vision."""
    directory = tempfile.TemporaryDirectory(prefix="uplook-gemini-")
    behind = answerer or LocalVision()
    log, files = CallLog(), FileStore(processing=timedelta(seconds=options.processing_seconds))
    limits = Limits(int(options.inline_limit_mb * MEBIBYTE), options.latency_ms / 1000)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        behind.start()
        yield
        behind.stop()
        directory.cleanup()

    return Starlette(
        routes=[
            *_file_routes(FilesApi(files, Uploads(files, Path(directory.name)), log)),
            *_model_routes(GenerateApi(behind, files, log, limits=limits)),
            *_control_routes(ControlApi(log)),
        ],
        exception_handlers={
            ApiError: _refused,
            ClientDisconnect: _hung_up,
            HTTPException: _unrouted,
            Exception: _failed,
        },
        lifespan=lifespan,
    )


def _file_routes(api: FilesApi) -> list[Route]:
    return [
        Route("/upload/{version}/files", api.upload, methods=["POST", "PUT"]),
        Route("/{version}/files", api.list, methods=["GET"]),
        Route("/{version}/files/{file_id}", api.get, methods=["GET"]),
        Route("/{version}/files/{file_id}", api.delete, methods=["DELETE"]),
    ]


def _model_routes(api: GenerateApi) -> list[Route]:
    return [
        Route("/{version}/models", api.list, methods=["GET"]),
        Route("/{version}/models/{model}", api.get, methods=["GET"]),
        Route("/{version}/models/{call}", api.call, methods=["POST"]),
    ]


def _control_routes(api: ControlApi) -> list[Route]:
    return [
        Route("/_control/calls", api.calls, methods=["GET"]),
        Route("/_control/reset", api.reset, methods=["POST"]),
    ]


# Starlette calls handlers with the exception's base type, so each narrows by contract and not by signature.
async def _refused(_: Request, error: Any) -> Response:
    return JSONResponse(error.body(), status_code=error.code, headers=error.headers)


async def _unrouted(request: Request, error: Any) -> Response:
    status = HTTP_STATUSES.get(error.status_code, "UNKNOWN")
    refusal = ApiError(error.status_code, status, f"This emulator has no {request.method} {request.url.path}.")
    return JSONResponse(refusal.body(), status_code=refusal.code)


async def _hung_up(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def _failed(_: Request, error: Any) -> Response:
    refusal = ApiError(500, "INTERNAL", f"The emulator failed: {type(error).__name__}: {error}")
    return JSONResponse(refusal.body(), status_code=refusal.code)
