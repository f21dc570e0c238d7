from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from infra.viewer.cards import (
    STATUS_WORDS,
    event_address,
    held_card,
    image_fields,
    is_document,
    is_held,
    planned_tasks,
    replaces,
    result_card,
    stored_held_cards,
)
from infra.viewer.names import Address
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import AskPart, ImageEvent, format_image_event
from shared.core.results import documents
from shared.core.values import ImageInfo, Source, Status, TaskSettings

SOURCE = Source("uploads", "a b/ü#1.png", 1795256138836522)
EVENT = ImageEvent(SOURCE, "segment", TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000), "v1")
AT = "2026-11-21T10:00:00Z"
FOLDER = "v1/uploads/a b/ü%231.png/1795256138836522"


def refused_document() -> dict[str, Any]:
    return documents.unanswered(
        EVENT, "key", status="failed", code=ErrorCode.TRUNCATED, message="The file stops early.", at=AT, image=None
    )


def answered_document() -> dict[str, Any]:
    image = ImageInfo(640, 480, "jpeg", "image/jpeg", orientation=6)
    document = documents.unanswered(
        EVENT, "key", status="skipped", code=ErrorCode.GONE, message="x", at=AT, image=image
    )
    items = [
        {
            "index": 0,
            "label": "cat",
            "status": "ok",
            "reason": None,
            "box_px": [1, 2, 30, 40],
            "box_px_stored": [40, 1, 2, 30],
            "mask": {"status": "ok", "file": f"{FOLDER}/segment/mask-000.png", "area_px": 99, "reason": None},
        },
        {
            "index": 1,
            "label": "dog",
            "status": "ok",
            "reason": None,
            "box_px": [5, 6, 7, 8],
            "mask": {"status": "unavailable", "file": None, "area_px": None, "reason": "too few points"},
        },
    ]
    model = {"requested": "gemini-3.8-flash", "served": "local-vision"}
    return document | {"status": "partial", "items": items, "model": model, "error": None}


def card_of(document: dict[str, Any]) -> dict[str, Any]:
    return result_card(json.dumps(document).encode(), Address("results", f"{FOLDER}/segment.json", 3))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v1/uploads/cat.jpg/7/detect.json", True),
        ("v1/uploads/cat.jpg/7/detect.error-0.json", True),
        ("v1/uploads/a/b.json/7/caption.json", True),
        ("v1/uploads/cat.jpg/7/detect/overlay.jpg", False),
        ("v1/uploads/cat.jpg/7/detect/extra.json", False),
        ("v1/uploads/cat.jpg/x/detect.json", False),
        ("7/detect.json", False),
        ("detect.json", False),
        ("", False),
    ],
)
def test_documents_are_told_from_other_objects_by_their_names(name: str, expected: bool) -> None:
    assert is_document(name) is expected


def test_an_image_event_says_which_tasks_wait() -> None:
    found = planned_tasks(format_image_event(EVENT).data)
    assert (found.source.name, found.run, found.tasks, found.redrive) == (SOURCE.name, "v1", ("segment",), 0)


def test_an_ask_of_several_tasks_says_all_of_them() -> None:
    settings = EVENT.settings
    event = replace(EVENT, parts=(AskPart("segment", settings), AskPart("detect", settings)))
    assert planned_tasks(format_image_event(event).data).tasks == ("segment", "detect")


def test_an_image_is_told_by_its_generation_as_text() -> None:
    card = image_fields(Address("uploads", "a.png", 2**60))
    assert (card["name"], card["generation"]) == ("a.png", str(2**60))


def test_a_manifest_has_no_preview() -> None:
    assert image_fields(Address("uploads", "which.uplook.json", 7))["preview"] is None
    assert image_fields(Address("uploads", "uplook.json", 7))["preview"] is not None


def test_a_result_event_points_to_its_document() -> None:
    uri = f"gs://results/{FOLDER}/segment.json"
    event = documents.result_event(refused_document(), uri=uri)
    assert event_address(event.data, results="results") == Address("results", f"{FOLDER}/segment.json")


@pytest.mark.parametrize("uri", ["gs://elsewhere/a.json", "gs://results/", "gs://results", "file:///etc/passwd"])
def test_a_result_event_that_points_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="expected a result in gs://results"):
        event_address(documents.result_event(refused_document(), uri=uri).data, results="results")


def test_a_failure_says_why_in_words() -> None:
    card = card_of(refused_document())
    assert (card["status"], card["words"], card["reason"]) == (
        "failed",
        "it went wrong and was given up",
        "The file stops early.",
    )
    assert (card["image"], card["items"], card["usage"], card["transport"]) == (None, [], None, None)


def test_items_carry_their_boxes_and_where_their_masks_are_served() -> None:
    card = card_of(answered_document())
    mask = "/api/objects/results/v1%2Fuploads%2Fa%20b%2F%C3%BC%25231.png%2F1795256138836522%2Fsegment%2Fmask-000.png"
    assert card["items"] == [
        {
            "label": "cat",
            "box": [1, 2, 30, 40],
            "stored_box": [40, 1, 2, 30],
            "mask": mask,
            "area_px": 99,
            "reason": None,
        },
        {
            "label": "dog",
            "box": [5, 6, 7, 8],
            "stored_box": None,
            "mask": None,
            "area_px": None,
            "reason": "too few points",
        },
    ]


def test_classes_and_answers_are_shown_with_their_reasons_and_questions() -> None:
    classes = [
        {"label": "cat", "status": "ok", "reason": None},
        {"label": "yak", "status": "unusable", "reason": "not given"},
    ]
    card = card_of(answered_document() | {"items": [], "classes": classes, "question": "Whose?", "answer": "Mine."})
    assert card["classes"] == [{"label": "cat", "reason": None}, {"label": "yak", "reason": "not given"}]
    assert (card["question"], card["answer"]) == ("Whose?", "Mine.")
    assert (card_of(refused_document())["classes"], card_of(refused_document())["answer"]) == ([], None)


def test_a_card_names_the_model_that_answered_and_the_upright_size() -> None:
    card = card_of(answered_document())
    assert card["model"] == {"requested": "gemini-3.8-flash", "served": "local-vision"}
    assert (card["image"]["width"], card["image"]["height"]) == (640, 480)


def test_a_card_links_its_document() -> None:
    assert card_of(refused_document())["document"].endswith("%2F1795256138836522%2Fsegment.json")


def test_a_parked_task_says_why_and_until_when_and_has_no_document() -> None:
    event = {
        "status": "held",
        "run": "v1",
        "task": "caption",
        "source": {"bucket": "uploads", "name": "cat.jpg", "generation": "7"},
        "result": None,
        "error": "daily_ceiling",
        "until": "2026-11-22T08:00:00Z",
    }
    told = json.dumps(event).encode()

    assert is_held(told)
    card = held_card(told)
    assert (card["status"], card["document"]) == ("held", None)
    assert card["reason"] == "the day's ceiling is reached; work goes on at 2026-11-22 08:00 UTC"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("daily_quota", "Gemini's quota of the day is used up"),
        ("configuration", "Gemini refuses the key or the model, or a role is missing; the log says why"),
        ("of another version", "of another version"),
    ],
)
def test_a_stored_parked_event_is_shown_with_its_reason(code: str, reason: str) -> None:
    event = {"run": "v1", "task": "ask", "source": {"bucket": "uploads", "name": "cat.jpg", "generation": "7"}}
    address = Address("work", "held/2026-11-22T15/v1/uploads/cat.jpg/7/ask.json", 1)

    (card,) = stored_held_cards(json.dumps(event).encode(), address, code=code)

    assert (card["task"], card["status"]) == ("ask", "held")
    assert card["reason"] == f"{reason}; work goes on at 2026-11-22 15:00 UTC"


def test_every_status_has_words() -> None:
    assert set(STATUS_WORDS) == set(get_args(Status))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b'{"source": 1}', b'{"source": {"bucket": "a"}}'])
def test_what_is_no_document_is_no_card(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        result_card(content, Address("results", "a"))


def test_a_card_links_its_overlay() -> None:
    files = [{"name": f"{FOLDER}/segment/mask-000.png"}, {"name": f"{FOLDER}/segment/overlay.jpg"}]
    assert card_of(answered_document() | {"files": files})["overlay"].endswith("%2Fsegment%2Foverlay.jpg")
    assert card_of(answered_document())["overlay"] is None


def failure(number: int) -> dict[str, Any]:
    return {"document": f"x/segment.error-{number}.json", "status": "failed", "reason": "why"}


FINAL = {"document": "x/segment.json", "status": "ok", "reason": None}
HELD = {"document": None, "status": "held", "reason": "the ceiling"}


@pytest.mark.parametrize(
    ("card", "known", "expected"),
    [
        (FINAL, failure(0), True),
        (failure(1), failure(0), True),
        (failure(0), failure(1), False),
        (failure(0), FINAL, False),
        (FINAL, FINAL, False),
        (HELD, FINAL, False),
        (FINAL, HELD, True),
        (HELD | {"reason": "a quota"}, HELD, True),
        (HELD, HELD, False),
    ],
)
def test_a_final_result_replaces_a_failure_never_the_reverse(
    card: dict[str, Any], known: dict[str, Any], expected: bool
) -> None:
    assert replaces(card, known) is expected
