"""Events: whatever arrives from storage, Pub/Sub or the journal is read, or refused in plain words."""

from __future__ import annotations

import base64
import json
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core.delivery.journal import JournalError, format_reply, parse_reply
from shared.core.errors import EventRejectedError
from shared.core.events.envelopes import ImageEvent, format_image_event, parse_image_event, parse_upload, pubsub_message
from shared.core.naming import MAX_NAME_BYTES, paths
from shared.core.planning.plan import idempotency_key, plan
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS
from tests.closed_schema import undocumented
from tests.fuzz import laws
from tests.fuzz.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.values import Source

_T = TypeVar("_T")
_RULES = parse_rules(resources.files("shared").joinpath("rules.toml").read_text(encoding="utf-8"))
_LARGEST = (1 << 63) - 1


def fuzz_one(data: bytes) -> None:
    """Offer the same bytes to every reader, as they came and as the JSON value that they hold."""
    feed = Feed(data)
    check_schema = bool(feed.byte() & 1)
    raw = feed.rest()
    for value in (raw, _json(raw)):
        _must_be_upload(value, check_schema=check_schema)
        _must_be_push(value)
    _must_be_event(raw, check_schema=check_schema)
    assert pubsub_message({"message": {"data": base64.b64encode(raw).decode()}}).data == raw
    _must_be_journal(raw)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _read(reader: Callable[[Any], _T], value: Any) -> _T | None:
    try:
        return reader(value)
    except EventRejectedError as refusal:
        laws.must_be_refusal(refusal)
        return None


def _must_be_upload(value: Any, *, check_schema: bool) -> None:
    upload = _read(parse_upload, value)
    if upload is None:
        return
    _must_be_source(upload.source)
    for key, text in upload.metadata.items():
        assert key.encode().decode() == key
        assert text.encode().decode() == text
    planned = plan(upload, _RULES, run="v1")
    assert bool(planned.events) != bool(planned.left_out)
    for event in planned.events:
        _must_round_trip(event, check_schema=check_schema)


def _must_be_push(value: Any) -> None:
    message = _read(pubsub_message, value)
    if message is not None:
        assert isinstance(message.data, bytes)
        assert all(isinstance(each, str) for pair in message.attributes.items() for each in pair)


def _must_be_event(raw: bytes, *, check_schema: bool) -> None:
    event = _read(parse_image_event, raw)
    if event is not None:
        _must_be_source(event.source)
        _must_round_trip(event, check_schema=check_schema)


def _must_be_source(source: Source) -> None:
    assert 0 < source.generation <= _LARGEST
    assert source.size is None or 0 <= source.size <= _LARGEST
    assert 0 < len(source.name.encode()) <= MAX_NAME_BYTES
    assert "/" not in source.bucket
    for text in (source.content_type, source.crc32c):
        assert text is None or text.encode().decode() == text


def _must_round_trip(event: ImageEvent, *, check_schema: bool) -> None:
    """What was read can be published again, hashed, and has a place of its own in the results bucket."""
    message = format_image_event(event)
    assert parse_image_event(message.data) == event
    assert len(idempotency_key(event)) == len("0" * 64)
    where = paths(event.source, run=event.run, task=event.task)
    longest = (where.result, where.error(event.redrive), where.lease, where.reply(9), where.file("mask-000.png"))
    for name in longest:
        assert len(name.encode()) <= MAX_NAME_BYTES
        assert not {"", ".", ".."} & set(name.split("/"))
        assert name.isprintable() or not any(character < " " for character in name)
    if check_schema and event.task in TASKS:  # an event may name a task of another version
        assert undocumented(json.loads(message.data)) is None


def _must_be_journal(raw: bytes) -> None:
    try:
        reply = parse_reply(raw)
    except JournalError:
        return
    assert format_reply(parse_reply(format_reply(reply))) == format_reply(reply)
