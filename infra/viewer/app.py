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

from infra.viewer import images_api, objects_api
from infra.viewer.answers import NEVER, packed
from infra.viewer.errors import ApiError
from shared.core.errors import UplookError
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from types import FrameType

    from starlette.requests import Request

    from infra.viewer.live import Live

PAGE = Path(__file__).with_name("page")
INDEX = PAGE / "index.html"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_FRESH = {"Cache-Control": "no-cache"}


def create_app(make_live: Callable[[], Live], *, changing: Sequence[Route] = ()) -> Starlette:
    """Return the application around what `make_live` makes once the event loop runs.

    `changing` are the routes by which a page changes anything; without any, it shows nothing that would.
    """
    files = {f"/{path.name}": path for path in sorted(PAGE.iterdir()) if path.suffix in _TYPES and path != INDEX}
    routes = [Route("/", _index), *(Route(path, _asset) for path in files), Route("/tasks.js", _tasks)]

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.live = live = make_live()
        app.state.files = files
        app.state.read_only = not changing
        await live.begin()
        running = [asyncio.create_task(each) for each in live.running()]
        with _closing_on_signal(live):
            yield
        for task in running:
            task.cancel()
        await live.close()

    return Starlette(
        routes=[*routes, *objects_api.ROUTES, *images_api.ROUTES, *changing],
        exception_handlers={ApiError: _refused, UplookError: _away},
        lifespan=lifespan,
    )


async def _index(request: Request) -> Response:
    """The page; where it may only read, its body says so, and what would change anything is not shown."""
    content = await anyio.Path(INDEX).read_bytes()
    if request.app.state.read_only:
        content = content.replace(b"<body ", b"<body data-read-only ", 1)
    return packed(request, content, media_type=_TYPES[INDEX.suffix], headers=_FRESH)


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
