"""The functions as the local stack serves them: those that are deployed, behind the guard of all local services.

functions-framework runs this file in place of `main.py`, inside of the application that it has made. Deployed, Cloud
Run lets in whom its rights name; here a page in somebody's browser could post an event, or, under a name of its own
that turns into 127.0.0.1, any number of them.
"""

from __future__ import annotations

from flask import Response, current_app, request
from starlette.datastructures import Headers

from infra.emulators.common.guard import Policy, refused
from main import *  # noqa: F403 - every entry point, by the name it is deployed under

_POLICY = Policy()


def _refuse() -> Response | None:
    """Return the answer to a request that no program of this machine has sent, None for all others."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    refusal = _POLICY.refusal(request.method, request.path, Headers(raw=raw))
    if refusal is None:
        return None
    answer = refused(refusal)
    return Response(bytes(answer.body), answer.status_code, mimetype=answer.media_type)


current_app.before_request(_refuse)
