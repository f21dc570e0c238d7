"""The emulator as one ASGI application."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from ..common.control import fault_routes
from . import routes
from .addresses import AddressMiddleware
from .answerer import LocalVision
from .batches import Jobs
from .batches_api import BatchesApi
from .cloud_storage import CloudStorage
from .control import CallLog, ControlApi
from .errors import ApiError
from .fault_injection import FaultMiddleware
from .faults import DroppedError, FaultInjector, FaultPlan
from .files import FileStore
from .files_api import FilesApi
from .generator import Generator
from .models import MODELS, RETIRED
from .models_api import ModelsApi
from .predictions_api import PredictionsApi
from .recorded_replies import RecordedAnswerer, Replies
from .uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.routing import Route
    from starlette.types import ASGIApp

    from .answerer import Answerer

MEBIBYTE = 1024**2
HTTP_STATUSES = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line sets; `storage` is the URL of a Cloud Storage server, `detector` gives things names."""

    latency_ms: float = 0
    inline_limit_mb: float = 20
    processing_seconds: float = 0
    batch_seconds: float = 0
    files_quota_mb: float = 20 * 1024
    file_ttl_seconds: float = 48 * 3600
    storage: str | None = None
    retired: bool = False
    detector: bool = False
    replies: Replies = field(default_factory=lambda: Replies({}, []))


class _Emulator:
    """The parts of one emulator, and how they hang together."""

    def __init__(self, options: Options, answerer: Answerer | None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="uplook-gemini-")
        self._options = options
        self._answerer = RecordedAnswerer(answerer or LocalVision(detector=options.detector), options.replies)
        self._log = CallLog()
        self._plan = FaultPlan()
        self._injector = FaultInjector(self._plan)
        self._storage = CloudStorage(options.storage)
        self._files = FileStore(
            processing=timedelta(seconds=options.processing_seconds),
            lifetime=timedelta(seconds=options.file_ttl_seconds),
            quota=int(options.files_quota_mb * MEBIBYTE),
        )
        self._generator = Generator(
            self._answerer,
            self._files,
            self._storage,
            models=MODELS | (RETIRED if options.retired else {}),
            latency_s=options.latency_ms / 1000,
        )
        self._batches, self._predictions = self._jobs(), self._jobs()

    def routes(self) -> list[Route]:
        """Return every path."""
        uploads = Uploads(self._files, Path(self._directory.name))
        limit = int(self._options.inline_limit_mb * MEBIBYTE)
        batches = BatchesApi(self._batches, self._files, self._injector, new_path=uploads.new_path, inline_limit=limit)
        files = FilesApi(self._files, uploads, self._log, storage=self._storage, injector=self._injector)
        return [
            *fault_routes(self._plan),
            *routes.file_routes(files),
            *routes.batch_routes(batches),
            *routes.prediction_routes(PredictionsApi(self._predictions, self._storage, self._injector)),
            *routes.model_routes(ModelsApi(self._generator, self._log, self._injector, inline_limit=limit)),
            *routes.control_routes(ControlApi(self._log, self._options.replies)),
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Begin what runs in the background, and end it."""
        self._answerer.start()
        yield
        self._batches.stop()
        self._predictions.stop()
        self._answerer.stop()
        self._directory.cleanup()

    def _jobs(self) -> Jobs:
        return Jobs(self._generator, self._log, self._injector, seconds=self._options.batch_seconds)


def build_app(options: Options, answerer: Answerer | None = None) -> ASGIApp:
    """Return the application; `answerer` may replace local vision."""
    emulator = _Emulator(options, answerer)
    app = Starlette(
        routes=emulator.routes(),
        exception_handlers={
            ApiError: _refused,
            ClientDisconnect: _hung_up,
            DroppedError: _hung_up,
            HTTPException: _unrouted,
            Exception: _failed,
        },
        lifespan=emulator.lifespan,
    )
    return FaultMiddleware(AddressMiddleware(app))


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
