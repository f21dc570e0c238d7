"""What a redrive asks for: the image event of a failed document, once more, or the function of a kept storage event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.core import json_fields, jsontext, naming
from shared.core.errors import ErrorCode, PermanentError
from shared.core.events import storage_events
from shared.core.events.envelopes import IMAGE_SCHEMA, JOINT_SCHEMA, parse_image_event
from shared.core.naming import MAX_REDRIVE
from shared.core.planning.plan import idempotency_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.events.envelopes import ImageEvent

INGEST, FORGET = "ingest", "forget"
_UPLOADED = frozenset({storage_events.FINALIZED, "OBJECT_FINALIZE"})
_ERROR = re.compile(r".*\.error-(?P<number>[0-9]{1,4})\.json", re.DOTALL)


def error_number(name: str) -> int | None:
    """Return which redrive an error document tells of (0 is the first delivery); None where it is no error document.

    >>> error_number("v1/uploads/cat.jpg/7/detect.error-2.json")
    2
    """
    match = _ERROR.fullmatch(name)
    return int(match["number"]) if match else None


def next_event(document: Mapping[str, Any], name: str, *, prefix: str) -> ImageEvent:
    """Return the event that gives the work behind an error document another chance; `name` is the document's.

    The same document always gives the same event: a redrive that runs twice is a duplicate, and costs nothing.

    Raises:
        PermanentError: there can be none; the message says why, and what to do instead.
    """
    number = error_number(name)
    if number is None or document.get("status") != "failed":
        raise PermanentError(
            ErrorCode.NO_FAILURE, f"Expected a failed result, found status {document.get('status')!r}."
        )
    if number >= MAX_REDRIVE:
        raise PermanentError(
            ErrorCode.NO_REDRIVES_LEFT, f"It was redriven {number} times, the most there can be; use a new RUN."
        )
    if document.get("settings") is None:
        raise PermanentError(
            ErrorCode.NO_SETTINGS,
            "An older version wrote it, without the settings of the event; use a new RUN for this image.",
        )
    event = _event_of(document, redrive=number + 1)
    own = next((view for view in event.views() if view.task == document.get("task")), None)
    if own is None or idempotency_key(own) != document.get("id"):
        raise PermanentError(
            ErrorCode.OTHER_SETTINGS, "Its settings do not give its id: it was changed, or written by a newer version."
        )
    lies_at = naming.paths(own.source, run=own.run, task=own.task, prefix=prefix).error(number)
    if lies_at != name:
        raise PermanentError(
            ErrorCode.ELSEWHERE, f"It belongs to {lies_at}: redrive it there (a copy cannot be redriven)."
        )
    return event


def _event_of(document: Mapping[str, Any], *, redrive: int) -> ImageEvent:
    """Return the event behind a failure: of its task alone, or of all tasks that shared its ask."""
    asked = {key: document.get(key) for key in ("source", "task", "settings", "run")}
    shared = document.get("ask")
    if shared is None:
        return parse_image_event(jsontext.dump_compact({"schema": IMAGE_SCHEMA, **asked, "redrive": redrive}))
    if not isinstance(shared, list) or not all(isinstance(each, dict) for each in shared) or not shared:
        raise json_fields.malformed("ask", "a list of objects", shared)
    leading, *others = shared
    return parse_image_event(
        jsontext.dump_compact({"schema": JOINT_SCHEMA, **asked, **leading, "with": others or None, "redrive": redrive})
    )


def function_of(kind: str, *, subscription: str = "") -> str:
    """Return which function a kept storage event was for, by what its message called it and whose subscription it was.

    Raises:
        PermanentError: it was for none; the message says what to do instead.
    """
    if kind in _UPLOADED:
        return INGEST
    if kind == storage_events.DELETED:  # only the trigger of `forget` asks for these
        return FORGET
    # Eventarc's own messages are notifications of the bucket: its subscription says for whom.
    if storage_events.is_deletion(kind) and storage_events.is_for(FORGET, subscription=subscription):
        return FORGET
    if storage_events.is_deletion(kind):
        raise PermanentError(
            ErrorCode.OTHER_EVENT,
            "It tells of a deletion by a notification of the bucket, and comes from no subscription of `forget`. Where"
            " the results are to go, publish it again to the topic of `forget`; then delete this object.",
        )
    raise PermanentError(
        ErrorCode.OTHER_EVENT,
        f"Expected an upload ({storage_events.FINALIZED} or OBJECT_FINALIZE), found {json_fields.shown(kind)}: there is"
        " nothing to do for it. Delete this object.",
    )
