"""Answers of the viewer: how they are packed, cached and shown."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from infra.viewer import names
from infra.viewer.headers import SECURITY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from infra.viewer.live import Live

SANDBOX = {"Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; sandbox"}
FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
NEVER = {"Cache-Control": "no-store"}
_SMALL_BYTES = 1000


def live_of(request: Request) -> Live:
    """Return the running viewer."""
    live: Live = request.app.state.live
    return live


def address_of(request: Request, route: str) -> names.Address:
    """Return the object that a request names."""
    buckets = live_of(request).store.places.shown
    return names.read_object_url(route, request.scope["raw_path"], request.scope["query_string"], buckets=buckets)


def caching(address: names.Address) -> dict[str, str]:
    """One generation never changes."""
    return NEVER if address.generation is None else FOR_EVER


def packed(request: Request, content: bytes, *, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return an answer, compressed where the browser takes that: a page of documents repeats the same words."""
    sent = dict(headers) | {"Vary": "Accept-Encoding"}
    if len(content) > _SMALL_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, compresslevel=5, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=sent)


def as_json(request: Request, document: Any) -> Response:
    """Return a document that is true now, and perhaps not a moment later."""
    return packed(request, json.dumps(document).encode(), media_type="application/json", headers=NEVER)


def attached(content: bytes, *, name: str, media_type: str) -> Response:
    """Return a file to save."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
    headers = SANDBOX | NEVER | {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(content, media_type=media_type, headers=headers)
