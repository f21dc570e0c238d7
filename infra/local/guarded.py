"""The functions as the local stack serves them: those that are deployed, behind the guard of all local services.

functions-framework runs this file in place of `main.py`, inside of the application that it has made. Deployed, Cloud
Run lets in whom its rights name; here a page in somebody's browser could post an event, or, under a name of its own
that turns into 127.0.0.1, any number of them.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from flask import Response, current_app, g, request
from starlette.datastructures import Headers

from infra.emulators.common.guard import Policy, refused
from infra.local import activity, gate
from main import *  # noqa: F403 - every entry point, by the name it is deployed under
from shared import logs
from shared.adapters.clock import SystemClock

_POLICY = Policy()
_CLOCK = SystemClock()
_GATE = os.environ.get(gate.FILE_VARIABLE)
_FILE, _FUNCTION = os.environ.get(activity.FILE_VARIABLE), os.environ.get(activity.FUNCTION_VARIABLE, "")


def _refuse() -> Response | None:
    """Return the answer to a request that no program of this machine has sent, None for all others."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    refusal = _POLICY.refusal(request.method, request.path, Headers(raw=raw))
    if refusal is None:
        return None
    answer = refused(refusal)
    return Response(bytes(answer.body), answer.status_code, mimetype=answer.media_type)


def _enter() -> Response | None:
    """Return the answer to a delivery that comes behind a closed gate: it may come again, to the next stack."""
    g.place = gate.enter(Path(str(_GATE)))
    return None if g.place else Response("The stack is about to end.\n", 503, mimetype="text/plain")


def _leave(_: BaseException | None) -> None:
    if place := g.pop("place", None):
        place.close()


def _note_delivery() -> None:
    headers = {name.lower(): value for name, value in request.headers}
    found = activity.of_push(_FUNCTION, _CLOCK.now_iso(), headers, request.get_data(cache=True))
    if found is not None:
        request.environ["uplook.delivery"] = found
        _append(found)


def _note_answer(answer: Response) -> Response:
    delivery = request.environ.get("uplook.delivery")
    if delivery is not None:
        ended = {**delivery.details, "status": answer.status_code}
        _append(replace(delivery, at=_CLOCK.now_iso(), what=activity.ANSWERED, details=ended))
    return answer


def _note_record(record: logging.LogRecord) -> bool:
    _append(activity.of_record(_FUNCTION, _CLOCK.now_iso(), logs.as_entry(record)))
    return True


def _append(found: activity.Activity) -> None:
    activity.append(Path(str(_FILE)), found)


current_app.before_request(_refuse)
if _GATE:
    current_app.before_request(_enter)
    current_app.teardown_request(_leave)
if _FILE:
    current_app.before_request(_note_delivery)
    current_app.after_request(_note_answer)
    logging.getLogger("uplook").addFilter(_note_record)
