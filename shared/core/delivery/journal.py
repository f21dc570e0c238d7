"""The journalled reply: all that the rest of the work is computed from, so that a replay is byte-identical."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core.delivery.asked import Asked, Carried, parse_asked, parse_carried, parse_image
from shared.core.errors import UplookError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.values import ImageInfo

__all__ = ["REPLY_SCHEMA", "Carried", "JournalError", "JournalledReply", "format_reply", "parse_reply"]

REPLY_SCHEMA = "uplook.reply/1"
_T = TypeVar("_T")


class JournalError(UplookError):
    """A journalled reply cannot be read: a bug or a foreign hand, never the image's fault."""


@dataclass(frozen=True, slots=True)
class JournalledReply:
    """One paid answer and the circumstances it was given under. `timing_ms` holds whole milliseconds by step.

    `image` and `transport` are those of the first image where several were `asked` about. `key` is the job's: the same
    image and task may be asked about in other words, after a change of the rules.
    """

    key: str
    attempt: str
    model: str
    answered_at: str
    image: ImageInfo
    transport: Carried
    timing_ms: Mapping[str, int]
    response: Mapping[str, Any]
    asked: Asked | None = None


def format_reply(reply: JournalledReply) -> bytes:
    """Return the journal entry as JSON (`uplook.reply/1`).

    It is paid for, so whatever the model sent is kept as it came: an infinity, half a surrogate pair, deep nesting.
    """
    document = {
        "schema": REPLY_SCHEMA,
        "key": reply.key,
        "attempt": reply.attempt,
        "model": reply.model,
        "answered_at": reply.answered_at,
        "image": asdict(reply.image),
        "transport": asdict(reply.transport),
        "timing_ms": dict(reply.timing_ms),
        "response": reply.response,
        **({"asked": asdict(reply.asked)} if reply.asked else {}),
    }
    return json.dumps(document).encode()


def parse_reply(data: bytes) -> JournalledReply:
    """Read a journal entry.

    Raises:
        JournalError: it is not one.
    """
    try:
        document = json.loads(data)
        if document["schema"] != REPLY_SCHEMA:
            raise JournalError(f"Expected a journal entry of {REPLY_SCHEMA}, found {document['schema']!r}.")
        asked = document.get("asked")
        return JournalledReply(
            key=_field(document, "key", str),
            attempt=_field(document, "attempt", str),
            model=_field(document, "model", str),
            answered_at=_field(document, "answered_at", str),
            image=parse_image(_field(document, "image", dict)),
            transport=parse_carried(_field(document, "transport", dict)),
            timing_ms=_field(document, "timing_ms", dict),
            response=_field(document, "response", dict),
            asked=None if asked is None else parse_asked(asked),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalError(f"A journal entry is damaged: {error!r}.") from error


def _field(table: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = table[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key}: expected {kind.__name__}, found {type(value).__name__}")
    return value
