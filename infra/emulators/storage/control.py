"""The control API, which no real service has: duplicates of events on demand, and a count of what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .router import Call, json_response

if TYPE_CHECKING:
    from starlette.responses import Response


def replay_event(call: Call) -> Response:
    """Publish an object's finalize event again: same object, other event id."""
    bucket = call.store.bucket(str(call.body.get("bucket")))
    version = call.store.find(bucket, str(call.body.get("name")))
    call.store.replay(bucket, version)
    return json_response({"generation": str(version.generation)})


def stats(call: Call) -> Response:
    """Return how often each operation was asked for; `OPERATION:STATUS` counts its refusals."""
    return json_response(dict(sorted(call.server.counts.items())))
