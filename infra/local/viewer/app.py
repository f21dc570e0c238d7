"""The viewer as an ASGI application: the page, uploads, live events, and objects to look at."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local.viewer import cards, names
from infra.local.viewer.errors import ApiError
from infra.local.viewer.guard import SECURITY_HEADERS
from infra.local.viewer.live import Live
from infra.local.viewer.preview import preview
from infra.local.viewer.store import Store
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import FrameType

    from starlette.requests import Request

MAX_UPLOAD_BYTES = 64 * 2**20
"""More than the pipeline takes (50 MB), so that its own refusal can be seen too."""

PAGE = Path(__file__).with_name("page")
_ASSETS = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/card.js": ("card.js", "text/javascript"),
    "/overlay.js": ("overlay.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}
_SANDBOX = {"Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; sandbox"}
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-store"}


def create_app(project: str) -> Starlette:
    """Return the application, for the buckets and topics of one project."""
    routes = [*(Route(path, _asset) for path in _ASSETS), Route("/tasks.js", _tasks)]
    routes += [
        Route("/api/uploads", _upload, methods=["POST"]),
        Route("/api/events", _events),
        Route(f"{names.OBJECTS}/{{rest:path}}", _object),
        Route(f"{names.PREVIEW}/{{rest:path}}", _preview),
    ]
    store = Store(project)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.live = live = Live(store, project)
        await live.check()
        watching = asyncio.create_task(live.watch())
        with _closing_on_signal(live):
            yield
        watching.cancel()
        await live.close()

    return Starlette(
        routes=routes,
        exception_handlers={ApiError: _refused},
        lifespan=lifespan,
    )


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def _asset(request: Request) -> Response:
    name, media_type = _ASSETS[request.url.path]
    content = await anyio.Path(PAGE / name).read_bytes()
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


async def _tasks(_request: Request) -> Response:
    """The names of all tasks, in the order in which a card shows them."""
    script = f"export const TASKS = {json.dumps(list(TASKS))};\n"
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


async def _upload(request: Request) -> Response:
    live, query = _live(request), request.scope["query_string"]
    name, question = names.upload_name(query), names.upload_question(query)
    body = await _body(request)
    content_type = names.upload_type(request.headers.get("content-type"))
    made = await live.in_thread(
        lambda: live.store.upload(io.BytesIO(body), name, size=len(body), content_type=content_type, question=question)
    )
    card = cards.upload_card(made)
    live.feed.send("image", card | {"live": True})
    return JSONResponse(card, status_code=201)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_UPLOAD_BYTES:
            raise ApiError(413, f"Expected at most {MAX_UPLOAD_BYTES:,} bytes; the file is larger.")
    return bytes(body)


async def _events(request: Request) -> Response:
    return StreamingResponse(_live(request).stream(), media_type="text/event-stream", headers=_NEVER)


async def _object(request: Request) -> Response:
    live, address = _live(request), _address(request, names.OBJECTS)
    found = await live.in_thread(lambda: live.store.read(address))
    media_type = names.shown_type(found.content_type)
    headers = _SANDBOX | _caching(address)
    if media_type == names.DEFAULT_TYPE:
        headers["Content-Disposition"] = "attachment"
    return Response(found.data, media_type=media_type, headers=headers)


async def _preview(request: Request) -> Response:
    live, address = _live(request), _address(request, names.PREVIEW)
    try:
        found = await live.in_thread(lambda: live.store.read(address))
        picture = await anyio.to_thread.run_sync(preview, found.data, limiter=live.decoding)
    except ApiError as error:
        if not names.asks_why(request.scope["query_string"]):
            raise
        # Told as an answer: the browser has reported the refused picture once, and would report a second refusal.
        return JSONResponse({"error": error.message}, headers=_NEVER)
    return Response(picture, media_type="image/jpeg", headers=_SANDBOX | _caching(address))


def _address(request: Request, route: str) -> names.Address:
    return names.read_object_url(route, request.scope["raw_path"], request.scope["query_string"])


def _caching(address: names.Address) -> dict[str, str]:
    """One generation never changes."""
    return _NEVER if address.generation is None else _FOR_EVER


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - registered for nothing else
    return JSONResponse({"error": error.message}, status_code=error.status, headers=_NEVER)


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
