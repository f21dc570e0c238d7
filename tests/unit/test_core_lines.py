"""Lines of text in an answer: whole, in the answer's order, with boxes in pixels and a language if it is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.core.replies.findings import Findings, find_items
from shared.core.values import ImageInfo

INFO = ImageInfo(width=1000, height=500, format="jpeg", mime_type="image/jpeg", orientation=6)
RECORDED = Path(__file__).parents[1] / "replies" / "ocr_board_a"
BOX = [100, 200, 300, 400]


def _lines(answer: Any) -> Findings:
    return find_items(
        answer if isinstance(answer, str) else json.dumps(answer), info=INFO, masks=False, max_items=100, texts=True
    )


def test_a_recorded_answer_about_a_board_is_read_line_by_line() -> None:
    (text,) = (path.read_text(encoding="utf-8") for path in RECORDED.iterdir() if path.name != "meta.json")

    found = _lines(text)

    assert (found.status, len(found.items)) == (
        "ok",
        json.loads((RECORDED / "meta.json").read_text())["expected_items"],
    )
    assert [item.text for item in found.items[:3]] == ["10:50", "11:05", "11:05"]
    assert found.items[8].text == "MOSCOW"
    assert {item.language for item in found.items} == {None}
    assert found.items[0].box_px == (360, 8, 458, 29)
    assert found.items[0].box_px_stored is not None


def test_a_line_has_its_whole_text_and_its_label_the_beginning() -> None:
    text = "word " * 100

    (line,) = _lines({"lines": [{"text": text, "box_2d": BOX}]}).items

    assert line.text == text.strip()
    assert line.label == line.text[:200].rstrip()


@pytest.mark.parametrize("key", ["text", "text_content", "Transcription"])
def test_the_text_of_a_line_wins_over_what_kind_of_thing_it_is(key: str) -> None:
    (line,) = _lines([{"label": "sign", key: "EXIT", "box_2d": BOX}]).items

    assert (line.text, line.label) == ("EXIT", "EXIT")


@pytest.mark.parametrize(
    ("said", "language"),
    [("en", "en"), ("zh-Hant", "zh-Hant"), ("und", None), ("English, mostly", None), (7, None), (None, None)],
)
def test_a_language_is_a_tag_or_not_known(said: object, language: str | None) -> None:
    (line,) = _lines({"lines": [{"text": "EXIT", "language": said, "box_2d": BOX}]}).items

    assert line.language == language


def test_the_language_of_the_answer_is_that_of_every_line_without_its_own() -> None:
    lines = [{"text": "SORTIE", "box_2d": BOX}, {"text": "EXIT", "language": "en", "box_2d": [400, 200, 500, 400]}]

    found = _lines({"language": "fr", "lines": lines})

    assert [line.language for line in found.items] == ["fr", "en"]


def test_the_order_is_that_of_the_answer() -> None:
    boxes = [[800, 0, 900, 500], [0, 500, 100, 900], [0, 0, 100, 400]]

    found = _lines([{"text": str(number), "box_2d": box} for number, box in enumerate(boxes)])

    assert [line.text for line in found.items] == ["0", "1", "2"]


def test_a_picture_without_text_is_empty_and_a_line_without_a_box_unusable() -> None:
    assert _lines({"lines": []}).status == "empty"
    assert _lines({"lines": [{"text": "EXIT"}]}).status == "failed"


def test_things_that_are_no_lines_have_no_text() -> None:
    (item,) = find_items(json.dumps([{"label": "cat", "box_2d": BOX}]), info=INFO, masks=False, max_items=5).items

    assert (item.text, item.language) == (None, None)
