"""Result events: from a Pub/Sub message, however it arrived, to a typed value."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ._fields import Fields, parse_object
from .errors import MalformedError
from .values import Counts, ResultEvent, Source

FAMILY, MAJOR = "uplook.result-event", 1
_WHAT = "a result event"


def parse_event(message: Any) -> ResultEvent:
    """Return the result event in a message.

    `message` is what your framework hands you: a pulled message or a CloudEvent (anything with `data`), the body of a
    push request, decoded, or the event's JSON itself.

    Raises:
        MalformedError: it is no result event.
        UnsupportedVersionError: it is one of another major version.
    """
    document = _document(message)
    fields = Fields(document)
    fields.check_version(FAMILY, MAJOR)
    event = ResultEvent(
        id=fields.text("id"),
        status=fields.text("status"),
        task=fields.text("task"),
        run=fields.text("run"),
        source=read_source(fields.child("source")),
        result=fields.optional_text("result"),
        counts=_counts(fields.child("counts")),
        caption=fields.optional_text("caption"),
        error=fields.optional_text("error"),
        until=fields.optional_text("until"),
        raw=document,
        error_message=fields.optional_text("error_message"),
    )
    if event.result is None and event.status != "held":
        raise fields.wrong("result", "where the result lies", None)
    return event


def _counts(fields: Fields) -> Counts:
    return Counts(
        items=fields.whole("items"),
        masks=fields.whole("masks"),
        files=fields.whole("files"),
        warnings=fields.whole("warnings"),
        classes=fields.optional_whole("classes") or 0,
    )


def read_source(fields: Fields) -> Source:
    """Return the source of an event or a result."""
    return Source(
        bucket=fields.text("bucket"),
        name=fields.text("name"),
        generation=fields.decimal("generation"),
        size=fields.optional_whole("size"),
        content_type=fields.optional_text("content_type"),
        crc32c=fields.optional_text("crc32c"),
    )


def _document(message: Any) -> Mapping[str, Any]:
    if isinstance(message, bytes | str):
        return parse_object(message, _WHAT)
    if isinstance(message, Mapping):
        wrapped = message.get("message")
        return message if wrapped is None else parse_object(_pushed(wrapped), _WHAT)
    if hasattr(message, "data"):
        return _document(message.data)
    raise MalformedError(f"Expected {_WHAT}, found a value of type {type(message).__name__}.")


def _pushed(message: Any) -> bytes:
    data = message.get("data") if isinstance(message, Mapping) else None
    if not isinstance(data, str):
        raise MalformedError("message.data: expected base64 text, as a push subscription sends it, found none.")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"message.data: expected base64 text: {error}.") from error
