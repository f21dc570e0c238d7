"""The routes of events, and of what lies in the buckets: objects as stored, and pictures that browsers show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.viewer import names
from infra.viewer.answers import NEVER, SANDBOX, address_of, caching, live_of
from infra.viewer.errors import ApiError
from infra.viewer.preview import MAX_SIDE_PX, SMALL_SIDE_PX, preview

if TYPE_CHECKING:
    from starlette.requests import Request


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


ROUTES = (
    Route("/api/events", _events),
    Route(f"{names.OBJECTS}/{{rest:path}}", _object),
    Route(f"{names.PREVIEW}/{{rest:path}}", _preview),
)
