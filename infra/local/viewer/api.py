"""The routes of uploads, events and objects."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local.viewer import names
from infra.local.viewer.answers import NEVER, SANDBOX, address_of, as_json, caching, live_of
from infra.local.viewer.cards import image_fields
from infra.local.viewer.errors import ApiError
from infra.local.viewer.preview import MAX_SIDE_PX, SMALL_SIDE_PX, preview
from infra.local.viewer.requests import read_object, read_upload
from infra.local.viewer.samples import upload_samples

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_UPLOAD_BYTES = 64 * 2**20
"""More than the pipeline takes (50 MB), so that its own refusal can be seen too."""
_NO_FAULTS = "Nothing can be broken here: the viewer was not started by `make up` on emulators of its own."


async def _upload(request: Request) -> Response:
    live, wish = live_of(request), read_upload(request.scope["query_string"])
    body = await _body(request)
    content_type = names.upload_type(request.headers.get("content-type"))
    made = await live.in_thread(
        lambda: live.store.upload(
            io.BytesIO(body), wish.name, size=len(body), content_type=content_type, metadata=wish.metadata
        )
    )
    live.hearing.uploaded(made)
    return JSONResponse(image_fields(made), status_code=201)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_UPLOAD_BYTES:
            raise ApiError(413, f"Expected at most {MAX_UPLOAD_BYTES:,} bytes; the file is larger.")
    return bytes(body)


async def _samples(request: Request) -> Response:
    """Upload the photographs of the demo."""
    live = live_of(request)
    made = await live.in_thread(lambda: upload_samples(live))
    for source in made:
        live.hearing.uploaded(source)
    return JSONResponse({"uploaded": len(made)}, status_code=201)


async def _events(request: Request) -> Response:
    return StreamingResponse(live_of(request).stream(), media_type="text/event-stream", headers=NEVER)


async def _object(request: Request) -> Response:
    live, address = live_of(request), address_of(request, names.OBJECTS)
    found = await live.in_thread(lambda: live.store.read(address))
    media_type = names.shown_type(found.content_type)
    headers = SANDBOX | caching(address)
    if media_type == names.DEFAULT_TYPE:
        headers["Content-Disposition"] = "attachment"
    return Response(found.data, media_type=media_type, headers=headers)


async def _preview(request: Request) -> Response:
    live, address = live_of(request), address_of(request, names.PREVIEW)
    query = request.scope["query_string"]
    side_px = SMALL_SIDE_PX if names.wants_small(query) else MAX_SIDE_PX
    try:
        found = await live.in_thread(lambda: live.store.read(address))
        picture = await anyio.to_thread.run_sync(
            lambda: preview(found.data, max_side_px=side_px, stored=names.wants_stored(query)), limiter=live.decoding
        )
    except ApiError as error:
        if not names.asks_why(query):
            raise
        # Told as an answer: the browser has reported the refused picture once, and would report a second refusal.
        return JSONResponse({"error": error.message}, headers=NEVER)
    return Response(picture, media_type="image/jpeg", headers=SANDBOX | caching(address))


async def _faults(request: Request) -> Response:
    faults, live = request.app.state.faults, live_of(request)
    if request.method == "GET":
        return as_json(request, [] if faults is None else await live.in_thread(faults.documents))
    if faults is None:
        raise ApiError(409, _NO_FAULTS)
    wanted = read_object(await _body(request), "fault")
    return as_json(request, await live.in_thread(lambda: faults.do(wanted["fault"], live)))


ROUTES = (
    Route("/api/uploads", _upload, methods=["POST"]),
    Route("/api/samples", _samples, methods=["POST"]),
    Route("/api/events", _events),
    Route("/api/faults", _faults, methods=["GET", "POST"]),
    Route(f"{names.OBJECTS}/{{rest:path}}", _object),
    Route(f"{names.PREVIEW}/{{rest:path}}", _preview),
)
