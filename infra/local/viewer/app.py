"""The viewer as an ASGI application: the page, and the routes below `/api/`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.viewer import api, images_api
from infra.local.viewer.answers import NEVER, packed
from infra.local.viewer.errors import ApiError
from infra.local.viewer.live import Live
from infra.local.viewer.store import Store
from shared.core.errors import UplookError
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import FrameType

    from starlette.requests import Request

    from infra.local.viewer.faults import Faults

PAGE = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_FRESH = {"Cache-Control": "no-cache"}


def create_app(project: str, *, activity: Path | None = None, faults: Faults | None = None) -> Starlette:
    """Return the application, for the buckets and topics of one project.

    `activity` is the file that the stack's functions write what they do to, `faults` what can be broken here.
    """
    files = {f"/{path.name}": path for path in sorted(PAGE.iterdir()) if path.suffix in _TYPES}
    files["/"] = files.pop("/index.html")
    routes = [*(Route(path, _asset) for path in files), Route("/tasks.js", _tasks)]
    store = Store(project)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.live = live = Live(store, project, activity)
        app.state.faults = faults
        app.state.files = files
        await live.check()
        running = [asyncio.create_task(live.watch()), asyncio.create_task(live.follow())]
        with _closing_on_signal(live):
            yield
        for task in running:
            task.cancel()
        await live.close()

    return Starlette(
        routes=[*routes, *api.ROUTES, *images_api.ROUTES],
        exception_handlers={ApiError: _refused, UplookError: _away},
        lifespan=lifespan,
    )


async def _asset(request: Request) -> Response:
    path: Path = request.app.state.files[request.url.path]
    content = await anyio.Path(path).read_bytes()
    return packed(request, content, media_type=_TYPES[path.suffix], headers=_FRESH)


async def _tasks(request: Request) -> Response:
    """The names of all tasks, in the order in which a card shows them."""
    script = f"export const TASKS = {json.dumps(list(TASKS))};\n"
    return packed(request, script.encode(), media_type="text/javascript", headers=_FRESH)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for nothing else
    return JSONResponse({"error": error.message}, status_code=error.status, headers=NEVER)


async def _away(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=502, headers=NEVER)


@contextlib.contextmanager
def _closing_on_signal(live: Live) -> Iterator[None]:
    """End the open event streams as soon as a signal asks the server to stop: it would wait for them in vain."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    servers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(live.feed.close)
        handler = servers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in servers:
        signal.signal(number, stop)
    yield
