"""Result documents and events: the contract with everybody downstream."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.journal import JournalledReply
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.transport import Transport
from shared.core.planning.choices import Choices
from shared.core.planning.plan import idempotency_key, resolve_settings
from shared.core.replies.answer import Answer
from shared.core.replies.findings import find_items
from shared.core.results import schemas
from shared.core.results.documents import ResultFile, answered, result_event, unanswered
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.task import Reading
from shared.core.values import ClassLabel, ImageInfo, Item, Mask, Source, Status, Usage
from tests.strategies import images, replies

STATUSES = [status for status in get_args(Status) if status not in {"skipped", "unsupported"}]  # of an answer
SOURCE = Source("uploads", "a/cat.jpg", 1763712000000001, 900, "image/jpeg", "4waSgw==")
INFO = ImageInfo(80, 60, "jpeg", "image/jpeg", orientation=6, warnings=("odd EXIF",))
REPLY = JournalledReply(
    key="k",
    attempt="attempt-1",
    model="gemini-3.8-flash",
    answered_at="2026-11-21T00:16:40.000Z",
    image=INFO,
    transport=Transport("inline", "image/jpeg", 900, reused=False, reason="it fits", changes=("turned upright",)),
    timing_ms={"model": 800},
    response={},
)
ANSWER = Answer("…", "usable", served_model="gemini-3.8-flash", usage=Usage(1200, 60, 20, 1280))
BOX = Item(0, "cat", box_2d=(0, 0, 500, 250), box_px=(0, 0, 20, 30), box_px_stored=(0, 60, 30, 80))
MASKED = dataclasses.replace(BOX, mask=Mask("ok", "polygon", (0, 0, 20, 30), area_px=600, bitmap=b"\xff\xff\xf0" * 30))
MASKLESS = dataclasses.replace(BOX, index=1, mask=Mask("unavailable", reason="no mask in the answer"))
UNUSABLE = Item(2, "dog", "unusable", "no box in the answer", notes=("label_cut",))
MASK_FILE = ResultFile("v1/uploads/a/cat.jpg/1/segment/mask-000.png", "image/png", b"123456789")


def _event(task: str = "detect", **changes: Any) -> ImageEvent:
    return ImageEvent(dataclasses.replace(SOURCE, **changes), task, resolve_settings(task, Choices()), "v1")


def _answered(reading: Reading, *, task: str = "detect", reply: JournalledReply = REPLY, **how: Any) -> dict[str, Any]:
    event = _event(task)
    how = {"answer": ANSWER, "files": (), "mask_files": {}, **how}
    return answered(event, idempotency_key(event), reply=reply, reading=reading, **how)


def _readings(task: str, status: Status) -> Reading:
    """What a task reads at best under a status."""
    reason = None if status in {"ok", "empty"} else "because"
    has_payload = status in {"ok", "empty", "partial"}
    if task == "caption":
        return Reading(status, reason, caption="A cat." if status in {"ok", "partial"} else None)
    if task == "ask":
        return Reading(status, reason, answer="A cat." if status in {"ok", "partial"} else None)
    if task == "classify":
        classes = () if status == "empty" else (ClassLabel("cat"), ClassLabel("yak", "unusable", "not given"))
        return Reading(status, reason, classes=classes if has_payload else None)
    items = () if status == "empty" else (MASKED, MASKLESS, UNUSABLE) if task == "segment" else (BOX, UNUSABLE)
    return Reading(status, reason, items=items if has_payload else None)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("status", STATUSES)
def test_an_answered_document_and_its_event_fit_their_schemas(task: str, status: Status) -> None:
    files = (MASK_FILE,) if task == "segment" else ()

    document = _answered(_readings(task, status), task=task, files=files, mask_files={0: MASK_FILE.name})
    told = result_event(document, uri="gs://results/x.json")

    assert schemas.problem(document, schemas.RESULT) is None
    assert schemas.problem(json.loads(told.data), schemas.RESULT_EVENT) is None
    assert told.attributes["status"] == document["status"] == status


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("image", [None, INFO])
@pytest.mark.parametrize("status", ["skipped", "unsupported", "failed", "blocked"])
def test_an_unanswered_document_and_its_event_fit_their_schemas(
    task: str, image: ImageInfo | None, status: Status
) -> None:
    event = _event(task, size=None, content_type=None, crc32c=None)

    document = unanswered(
        event, idempotency_key(event), status=status, code=ErrorCode.GONE, message="It is gone.", at="2026", image=image
    )

    assert schemas.problem(document, schemas.RESULT) is None
    assert schemas.problem(json.loads(result_event(document, uri="gs://r/x").data), schemas.RESULT_EVENT) is None


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("reason", [None, "", "because"])
def test_an_error_is_there_exactly_where_the_status_calls_for_one(status: Status, reason: str | None) -> None:
    error = _answered(Reading(status, reason))["error"]

    if status in {"ok", "empty"}:
        assert error is None
    else:
        assert error == {"code": status, "message": reason or f"The result is {status}; no reason is known."}


@given(replies(), images, st.booleans())
def test_whatever_a_model_answers_its_document_fits_the_schema(text: str, info: ImageInfo, masks: bool) -> None:
    found = find_items(text, info=info, masks=masks, max_items=5)
    reading = Reading(found.status, found.reason, items=found.items, warnings=found.warnings)
    names = {item.index: "m.png" for item in found.items if item.mask and item.mask.status == "ok"}

    document = _answered(reading, reply=dataclasses.replace(REPLY, image=info), mask_files=names)

    assert schemas.problem(json.loads(json.dumps(document)), schemas.RESULT) is None


def test_an_item_says_where_it_is_in_all_frames_and_what_became_of_its_mask() -> None:
    document = _answered(_readings("segment", "partial"), files=(MASK_FILE,), mask_files={0: MASK_FILE.name})

    masked, maskless, unusable = document["items"]
    assert masked["box_2d"] == [0, 0, 500, 250]
    assert masked["box_px"] == [0, 0, 20, 30]
    assert masked["box_px_stored"] == [0, 60, 30, 80]
    assert masked["mask"] == {
        "status": "ok",
        "file": MASK_FILE.name,
        "source": "polygon",
        "area_px": 600,
        "reason": None,
    }
    assert maskless["mask"] == {
        "status": "unavailable",
        "file": None,
        "source": None,
        "area_px": None,
        "reason": "no mask in the answer",
    }
    assert (unusable["box_px"], unusable["reason"], unusable["notes"]) == (None, "no box in the answer", ["label_cut"])
    assert "mask" not in unusable


def test_a_file_is_listed_with_size_and_checksum() -> None:
    document = _answered(_readings("segment", "ok"), files=(MASK_FILE,), mask_files={0: MASK_FILE.name})

    assert document["files"] == [
        {"name": MASK_FILE.name, "content_type": "image/png", "size": 9, "crc32c": "4waSgw=="},
    ]


def test_warnings_of_the_picture_and_of_the_answer_stand_together() -> None:
    reading = dataclasses.replace(_readings("detect", "ok"), warnings=("a box was clamped",))
    answer = dataclasses.replace(ANSWER, served_model="gemini-4-argon")

    document = _answered(reading, answer=answer)

    assert document["warnings"] == [
        "odd EXIF",
        "a box was clamped",
        "the model that answered is gemini-4-argon, not gemini-3.8-flash",
    ]


def test_a_model_that_the_registry_does_not_know_is_warned_about() -> None:
    reply = dataclasses.replace(REPLY, model="gemini-9-uranium", image=dataclasses.replace(INFO, warnings=()))
    answer = dataclasses.replace(ANSWER, served_model="gemini-9-uranium")

    document = _answered(_readings("detect", "ok"), reply=reply, answer=answer)

    assert document["warnings"] == [
        "gemini-3.8-flash does not answer any more: its successor gemini-9-uranium was asked",
        "gemini-9-uranium is not in the model registry: it was asked like a model of today",
    ]
    assert document["usage"]["cost_usd"] is None


@pytest.mark.parametrize(
    ("requested", "served", "answered_at", "cost"),
    [
        # 1,200 in, 60 + 20 out.
        ("gemini-3.8-flash", "gemini-3.8-flash", "2026-12-31T23:59:59.999Z", 0.0012),  # 1200 x 0.75 + 80 x 3.75
        ("gemini-3.8-flash", "gemini-3.8-flash", "2027-01-01T00:00:00.000Z", 0.0024),  # twice that
        ("gemini-3.8-flash", None, "2026-11-21T00:00:00.000Z", 0.0012),
        ("gemini-3.8-flash", "local-vision", "2026-11-21T00:00:00.000Z", 0.0012),  # no price of its own
        ("gemini-2.5-pro", "gemini-3.8-flash", "2026-12-02T00:00:00.000Z", 0.0012),  # routed on, billed as that
        ("gemini-2.5-pro", "gemini-2.5-pro", "2026-11-21T00:00:00.000Z", 0.0023),  # 1200 x 1.25 + 80 x 10
        ("gemini-9-uranium", "gemini-9-uranium", "2026-11-21T00:00:00.000Z", None),
    ],
)
def test_the_cost_is_that_of_the_model_that_answered_on_the_day_it_answered(
    *, requested: str, served: str | None, answered_at: str, cost: float | None
) -> None:
    reply = dataclasses.replace(REPLY, model=requested, answered_at=answered_at)

    document = _answered(
        _readings("detect", "ok"), reply=reply, answer=dataclasses.replace(ANSWER, served_model=served)
    )

    assert document["usage"]["cost_usd"] == (None if cost is None else pytest.approx(cost))


def test_the_same_reply_gives_the_same_document_whenever_it_is_computed() -> None:
    first, second = (json.dumps(_answered(_readings("detect", "ok"))) for _ in range(2))

    assert first == second
    assert json.loads(first)["created"] == "2026-11-21T00:16:40.000Z"


def test_the_id_is_the_same_for_the_result_its_error_and_both_their_events() -> None:
    event = _event()
    redriven = dataclasses.replace(event, redrive=1)
    key = idempotency_key(event)
    failed = unanswered(event, key, status="failed", code=ErrorCode.DEAD_LETTER, message="It failed.", at="2026")
    done = _answered(_readings("detect", "ok"))

    ids = {json.loads(result_event(document, uri="gs://r/x").data)["id"] for document in (failed, done)}

    assert ids == {key} == {idempotency_key(redriven)}


def test_the_event_points_to_the_document_and_counts_what_is_in_it() -> None:
    document = _answered(_readings("segment", "partial"), files=(MASK_FILE,), mask_files={0: MASK_FILE.name})

    message = result_event(document, uri="gs://results/v1/x/segment.json")

    told = json.loads(message.data)
    assert told["source"] == {"bucket": "uploads", "name": "a/cat.jpg", "generation": "1763712000000001"}
    assert told["result"] == "gs://results/v1/x/segment.json"
    assert told["counts"] == {"items": 3, "masks": 1, "classes": 0, "files": 1, "warnings": 1}
    assert (told["caption"], told["error"]) == (None, "partial")
    assert message.attributes == {
        "schema": "uplook.result-event/1",
        "task": "detect",
        "status": "partial",
        "bucket": "uploads",
        "run": "v1",
    }


@pytest.mark.fault(108)
@pytest.mark.parametrize(("length", "told"), [(1, 1), (500, 500), (501, 500), (1_000_000, 500)])
def test_the_caption_in_the_event_ends_after_500_characters_and_never_inside_one(length: int, told: int) -> None:
    document = _answered(Reading("ok", caption="🦁" * length), task="caption")

    caption = json.loads(result_event(document, uri="gs://r/x").data)["caption"]

    assert caption == "🦁" * told
    assert document["caption"] == "🦁" * length


@pytest.mark.fault(108)
def test_an_event_stays_below_10_kb_whatever_the_result_holds() -> None:
    """Pub/Sub takes 10 MB and bills by the KB; names, labels and captions come from strangers."""
    items = tuple(dataclasses.replace(MASKED, index=index, label="🦁" * 200) for index in range(10_000))
    reading = Reading("partial", "because " * 10_000, items=items, caption="🦁" * 10_000, warnings=("w" * 100,) * 1000)
    event = _event(name="🍋" * 256, bucket="b" * 222)
    document = answered(
        event,
        idempotency_key(event),
        reply=REPLY,
        answer=ANSWER,
        reading=reading,
        files=(MASK_FILE,) * 10_000,
        mask_files={},
    )

    message = result_event(document, uri="gs://" + "r" * 222 + "/" + "🍋" * 256)

    assert len(message.data) < 10_000
    counts = {"items": 10_000, "masks": 10_000, "classes": 0, "files": 10_000, "warnings": 1001}
    assert json.loads(message.data)["counts"] == counts
