"""The journalled reply: all that the rest of the work is computed from, so that a replay is byte-identical."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core import json_fields
from shared.core.errors import UplookError
from shared.core.gemini.transport import Transport
from shared.core.values import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


REPLY_SCHEMA = "uplook.reply/1"
MAX_REPLY_BYTES = 64_000_000
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

    `files` names the copies of images that the Files API keeps for it (`files/ID`): `forget` deletes them.
    `without_schema` says that the model refused the schema of the answer, and was asked without it.
    `image` and `transport` are those of the first image where several were `asked` about. `key` is the job's: the same
    image and task may be asked about in other words, after a change of the rules. `tasks` are those that were asked
    for, where it is not the leading one alone; the first of them bears the cost. `batch` is the service's name of the
    batch job that brought the answer, at half the price.

    Where answers are shared, `content` is what the answer is about (`sharing.content_of`), and `paid_by` the id of the
    result that bears its cost: this upload's own, or that of another upload of the same content.
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
    files: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    batch: str | None = None
    content: str | None = None
    paid_by: str | None = None


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
        **({"files": list(reply.files)} if reply.files else {}),
        **({"tasks": list(reply.tasks)} if reply.tasks else {}),
        **({"batch": reply.batch} if reply.batch else {}),
        **({"content": reply.content, "paid_by": reply.paid_by} if reply.content else {}),
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
            timing_ms=_timing(_field(document, "timing_ms", dict)),
            response=_field(document, "response", dict),
            asked=None if asked is None else _parse_asked(asked),
            without_schema=document.get("without_schema") is True,
            files=_texts(document, "files") if "files" in document else (),
            tasks=_texts(document, "tasks") if "tasks" in document else (),
            batch=_field(document, "batch", str) if "batch" in document else None,
            content=_field(document, "content", str) if "content" in document else None,
            paid_by=_field(document, "paid_by", str) if "paid_by" in document else None,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalError(f"A journal entry is damaged: {error!r}.") from error


def why_not_ours(reply: JournalledReply, *, stamp: str | None) -> str | None:
    """Return what shows that a worker did not write this entry, or None; `stamp` is the attempt in its metadata.

    Whoever may write the journal of a task can forge all of it: that is for the rights to prevent (docs/deploy.md).
    """
    if reply.attempt != stamp:
        return f"it names the attempt {reply.attempt[:40]!r}, and carries the stamp {stamp!r}"
    try:
        dt.date.fromisoformat(reply.answered_at[:10])
    except ValueError:
        return f"it was answered at {reply.answered_at[:40]!r}, which is no time"
    return None


def _field(table: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = table[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def _timing(table: Mapping[str, Any]) -> Mapping[str, int]:
    return {step: _whole(table, step, least=0) for step in table}


def _whole(table: Mapping[str, Any], key: str, *, least: int, most: float = math.inf) -> int:
    value = _field(table, key, int)
    if isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{key}: expected a whole number from {least} to {most:g}, found {json_fields.shown(value)}")
    return value


def _parse_asked(value: Mapping[str, Any]) -> Asked:
    """Read what `dataclasses.asdict` made of it; raises ValueError, KeyError or TypeError where it is damaged."""
    question = value["question"]
    if not isinstance(question, str):
        raise TypeError(f"question: expected str, found {type(question).__name__}")
    return Asked(question, tuple(_parse_sent_image(each) for each in value["images"]))


def _parse_image(value: Mapping[str, Any]) -> ImageInfo:
    """Read what `dataclasses.asdict` made of an ImageInfo."""
    for key in ("width", "height", "frames"):
        _whole(value, key, least=1)
    _whole(value, "orientation", least=1, most=8)
    for key in ("format", "mime_type", "mode"):
        _field(value, key, str)
    return ImageInfo(**{**value, "warnings": _texts(value, "warnings")})


def _parse_transport(value: Mapping[str, Any]) -> Transport:
    """Read what `dataclasses.asdict` made of it."""
    _whole(value, "bytes", least=0)
    _field(value, "reused", bool)
    for key in ("kind", "mime_type", "reason"):
        _field(value, key, str)
    return Transport(**{**value, "changes": _texts(value, "changes")})


def _parse_sent_image(value: Mapping[str, Any]) -> SentImage:
    _field(value, "uri", str)
    if value["generation"] is not None:
        _whole(value, "generation", least=1)
    for key in ("crc32c", "sha256"):
        if value[key] is not None:
            _field(value, key, str)
    image = _parse_image(_field(value, "image", dict))
    fields = {**value, "image": image, "transport": _parse_transport(_field(value, "transport", dict))}
    return SentImage(**fields)


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    texts = _field(value, key, list)
    if not all(isinstance(each, str) for each in texts):
        raise TypeError(f"{key}: expected texts, found {json_fields.shown(texts)}")
    return tuple(texts)
