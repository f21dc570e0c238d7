"""Answers of models: from the REST body to the committed document, whatever the body or its text holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shared.core import jsontext
from shared.core.delivery.interpret import interpret
from shared.core.delivery.journal import JournalledReply, format_reply, parse_reply
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.transport import Transport
from shared.core.naming import paths
from shared.core.replies import classifying, findings
from shared.core.replies.answer import is_answer, read_answer
from shared.core.replies.classifying import parse_labels
from shared.core.replies.free_text import parse_answer, parse_caption
from shared.core.replies.texts import MAX_CAPTION
from shared.core.results import documents, result_files
from shared.core.tasks.catalogue import TASKS
from shared.core.values import ImageInfo, Source, TaskSettings
from tests.closed_schema import undocumented
from tests.fuzz import laws
from tests.fuzz.feed import Feed

if TYPE_CHECKING:
    from shared.core.replies.answer import Answer

_SIZES = ((64, 48), (1, 1), (48, 64), (7, 999), (999, 7), (3, 1), (250, 250), (101, 103))
_IMAGES = tuple(
    ImageInfo(width, height, "jpeg", "image/jpeg", orientation)
    for orientation, (width, height) in enumerate(_SIZES, start=1)
)
_MAX_ITEMS = (25, 1, 3, (1 << 63) - 1)
_FINISHES = ("STOP", "MAX_TOKENS", "SAFETY", "IMAGE_OTHER", "OTHER", None)
_SOURCE = Source("uploads", "photo.jpg", 7)
_CARRIED = Transport("inline", "image/jpeg", 3, reused=False, reason="it fits")
_MODEL = "gemini-3.8-flash"
_TASKS = tuple(TASKS)
_LABELS = ("cat", "dog", "a red square")
_MAX_DEPTH = 200


def fuzz_one(data: bytes) -> None:
    """Read one answer in every way that a task can."""
    feed = Feed(data)
    info, max_items, finish = feed.pick(_IMAGES), feed.pick(_MAX_ITEMS), feed.pick(_FINISHES)
    thoroughness = feed.byte()
    text = feed.text()
    for masks in (False, True):
        found = findings.find_items(text, info=info, masks=masks, max_items=max_items)
        laws.must_be_findings(found, info, masks=masks, max_items=max_items)
    _must_be_words(text, max_items)
    for multi_label in (False, True):
        _must_be_choices(text, multi_label=multi_label, max_items=max_items)
    around, inside = _body_around(text, finish), _body_in(text)
    for body in (around, inside):
        _must_be_answer(read_answer(body))
    if thoroughness % 8 == 1:
        # A schema costs as much as a hundred answers: few values of the byte pay for it.
        labels = _LABELS if thoroughness // 8 % 2 else ()
        settings = TaskSettings(_MODEL, "prompt", "low", max_items, 1_000, labels, "Why?")
        event = ImageEvent(_SOURCE, _TASKS[thoroughness // 8 % len(_TASKS)], settings, "v1")
        body = inside if is_answer(inside) else around
        _must_be_document(event, body, info, check_schemas=thoroughness > 8 * 27)


def _body_around(text: str, finish: str | None) -> dict[str, Any]:
    candidate = {"content": {"parts": [{"text": text}]}, "finishReason": finish}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9}, "modelVersion": _MODEL}


def _body_in(text: str) -> dict[str, Any]:
    """The body that the text itself is; one that few readers of JSON would follow to its end is none."""
    try:
        body = json.loads(text) if text.count("[") + text.count("{") <= _MAX_DEPTH else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {"candidates": body}


def _must_be_words(text: str, max_labels: int) -> None:
    for said in (parse_caption(text), parse_answer(text)):
        assert said.readable or said.text is None
        assert said.text is None or 0 < len(said.text) <= MAX_CAPTION
        assert said.text is None or said.text.strip().encode().decode() == said.text
    for complete in (False, True):
        reply = parse_labels(text, max_labels=max_labels, complete=complete)
        assert len(set(reply.labels)) == len(reply.labels) <= max_labels
        assert all(reply.labels)
        assert reply.readable or not reply.labels
        for label in reply.labels:
            laws.must_be_label(label)


def _must_be_choices(text: str, *, multi_label: bool, max_items: int) -> None:
    """Only given labels are usable, one of them where one was asked for; everything else has a reason."""
    found = classifying.find_classes(text, labels=_LABELS, multi_label=multi_label, max_items=max_items)
    usable = [one.label for one in found.classes if one.status == "ok"]
    assert set(usable) <= set(_LABELS)
    assert len(usable) <= (max_items if multi_label else 1)
    assert bool(usable) == (found.status in {"ok", "partial"})
    assert (found.reason is None) == (found.status == "ok")
    assert all((one.reason is None) == (one.status == "ok") for one in found.classes)


def _must_be_answer(answer: Answer) -> None:
    assert answer.verdict in {"usable", "truncated", "blocked", "empty", "passing", "failed"}
    assert (answer.reason is None) == (answer.verdict == "usable")
    assert answer.verdict != "usable" or answer.text.strip()
    assert answer.reason is None or answer.reason.encode().decode() == answer.reason
    words = (answer.finish_reason, answer.block_reason, answer.served_model, answer.response_id)
    for word in words:
        assert word is None or (word.isascii() and word.isprintable())


def _must_be_document(event: ImageEvent, body: dict[str, Any], info: ImageInfo, *, check_schemas: bool) -> None:
    """What is committed for a body fits the closed schemas, and a replay of its journal writes the same bytes."""
    reply = JournalledReply("k", "a", _MODEL, "2026-11-21T09:30:00Z", info, _CARRIED, {"model": 1}, body)
    document = _document(event, reply)
    again = _document(event, parse_reply(format_reply(reply)))
    assert jsontext.dump_compact(document) == jsontext.dump_compact(again)
    pointer = json.loads(documents.result_event(document, uri="gs://results/x").data)
    if check_schemas:
        assert undocumented(document) is None
        assert undocumented(pointer) is None


def _document(event: ImageEvent, reply: JournalledReply) -> dict[str, Any]:
    answer, reading = interpret(event, reply)
    where = paths(event.source, run=event.run, task=event.task)
    masks = result_files.mask_files(reading, reply.image, where)
    names = {index: file.name for index, file in masks.items()}
    files = list(masks.values())
    return documents.answered(
        event, "0" * 64, reply=reply, answer=answer, reading=reading, files=files, mask_files=names
    )
