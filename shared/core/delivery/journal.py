"""The journalled reply: all that the rest of the work is computed from, so that a replay is byte-identical."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core.errors import UplookError
from shared.core.gemini.transport import Transport
from shared.core.values import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


REPLY_SCHEMA = "uplook.reply/1"
_T = TypeVar("_T")


class JournalError(UplookError):
    """A journalled reply cannot be read: a bug or a foreign hand, never the image's fault."""


@dataclass(frozen=True, slots=True)
class SentImage:
    """One image as the model saw it: an object has generation and crc32c, an image from the web the sha256 (hex)."""

    uri: str
    generation: int | None
    crc32c: str | None
    sha256: str | None
    image: ImageInfo
    transport: Transport


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about several images, in their order."""

    question: str
    images: tuple[SentImage, ...]


@dataclass(frozen=True, slots=True)
class JournalledReply:
    """One paid answer and the circumstances it was given under. `timing_ms` holds whole milliseconds by step.

    `without_schema` says that the model refused the schema of the answer, and was asked without it.
    `image` and `transport` are those of the first image where several were `asked` about. `key` is the job's: the same
    image and task may be asked about in other words, after a change of the rules.
    """

    key: str
    attempt: str
    model: str
    answered_at: str
    image: ImageInfo
    transport: Transport
    timing_ms: Mapping[str, int]
    response: Mapping[str, Any]
    asked: Asked | None = None
    without_schema: bool = False


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
        **({"without_schema": True} if reply.without_schema else {}),
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
            image=_parse_image(_field(document, "image", dict)),
            transport=_parse_transport(_field(document, "transport", dict)),
            timing_ms=_field(document, "timing_ms", dict),
            response=_field(document, "response", dict),
            asked=None if asked is None else _parse_asked(asked),
            without_schema=document.get("without_schema") is True,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalError(f"A journal entry is damaged: {error!r}.") from error


def _field(table: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = table[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def _parse_asked(value: Mapping[str, Any]) -> Asked:
    """Read what `dataclasses.asdict` made of it; raises ValueError, KeyError or TypeError where it is damaged."""
    question = value["question"]
    if not isinstance(question, str):
        raise TypeError(f"question: expected str, found {type(question).__name__}")
    return Asked(question, tuple(_parse_sent_image(each) for each in value["images"]))


def _parse_image(value: Mapping[str, Any]) -> ImageInfo:
    """Read what `dataclasses.asdict` made of an ImageInfo."""
    return ImageInfo(**{**value, "warnings": _texts(value, "warnings")})


def _parse_transport(value: Mapping[str, Any]) -> Transport:
    """Read what `dataclasses.asdict` made of it."""
    return Transport(**{**value, "changes": _texts(value, "changes")})


def _parse_sent_image(value: Mapping[str, Any]) -> SentImage:
    fields = {**value, "image": _parse_image(value["image"]), "transport": _parse_transport(value["transport"])}
    return SentImage(**fields)


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if not isinstance(value[key], list):
        raise TypeError(f"{key}: expected list, found {type(value[key]).__name__}")
    return tuple(value[key])
