"""One object once: a list sent twice, a draft, a loop and a plain repeat are told apart, and said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.findings import Findings, find_items
from shared.core.values import ImageInfo
from tests.strategies import boxes

INFO = ImageInfo(640, 480, "jpeg", "image/jpeg")
CAT = {"box_2d": [100, 200, 300, 400], "label": "cat"}
DOG = {"box_2d": [500, 600, 700, 800], "label": "dog"}
LOOP = "the answer repeats itself in a loop: what it would have said next is not known"


def find(text: str) -> Findings:
    return find_items(text, info=INFO, masks=False, max_items=25)


def labels(found: Findings) -> list[str]:
    return [item.label for item in found.items]


def moved(entry: dict[str, Any], by: int) -> dict[str, Any]:
    return entry | {"box_2d": [side + by for side in entry["box_2d"]]}


@pytest.mark.parametrize("between", ["\n", "", "\n```\n```json\n", " Again: "])
@pytest.mark.parametrize("root", [json.dumps, lambda found: json.dumps({"boxes": found})])
def test_an_answer_that_is_sent_twice_counts_once(root: Any, between: str) -> None:
    text = root([CAT, DOG])
    found = find(text + between + text)
    assert (labels(found), found.status) == (["cat", "dog"], "ok")
    assert found.warnings == ("the answer holds the same list more than once (1x)",)


@pytest.mark.parametrize(
    "draft", [[moved(CAT, 8)], [moved(CAT, -9), moved(DOG, 5)], [CAT, DOG, moved(CAT, 400)], [DOG]]
)
def test_a_draft_gives_way_to_the_list_that_follows(draft: list[Any]) -> None:
    found = find(f"First pass: {json.dumps(draft)}\nLooking again: {json.dumps([CAT, DOG])}")
    assert [(item.label, list(item.box_2d or ())) for item in found.items] == [
        ("cat", CAT["box_2d"]),
        ("dog", DOG["box_2d"]),
    ]
    assert found.warnings == ("the answer holds an earlier list, which a later one replaces (1x)",)


def test_a_draft_whose_boxes_were_all_wrong_gives_way_where_the_text_says_so() -> None:
    found = find(f"{json.dumps([moved(CAT, 400)])} The corrected list: {json.dumps([CAT])}")
    assert [list(item.box_2d or ()) for item in found.items] == [CAT["box_2d"]]


def test_lists_of_different_things_are_parts_of_one_answer() -> None:
    found = find(f"Cats: {json.dumps([CAT])}\nDogs: {json.dumps([DOG])}")
    assert (labels(found), found.warnings) == (["cat", "dog"], ())


@given(boxes(), st.integers(4, 30), st.booleans())
def test_a_loop_is_partial_and_never_uses_up_the_limit(box: list[int], times: int, creeping: bool) -> None:
    wide = [box[0] // 2, box[1] // 2, box[0] // 2 + 400, box[1] // 2 + 400]
    step = 1 if creeping else 0
    entries = [
        CAT,
        *({"box_2d": [side + step * n for side in wide], "label": "dog"} for n in range(times)),
        DOG | {"label": "eel"},
    ]
    found = find_items(json.dumps(entries), info=INFO, masks=False, max_items=3)
    assert (labels(found), found.status, found.reason) == (["cat", "dog", "eel"], "partial", LOOP)
    assert f"an object came again with the same label and nearly the same box ({times - 1}x)" in found.warnings


def test_a_repeat_or_two_are_said_and_are_no_loop() -> None:
    found = find(json.dumps([CAT, DOG, moved(CAT, 1), CAT]))
    assert (labels(found), found.status) == (["cat", "dog"], "ok")
    assert found.warnings == ("an object came again with the same label and nearly the same box (2x)",)


def test_alike_things_beside_each_other_are_several() -> None:
    grid = [
        {"box_2d": [100 * row, 100 * column, 100 * row + 95, 100 * column + 95], "label": "ball"}
        for row in range(5)
        for column in range(5)
    ]
    found = find(json.dumps(grid))
    assert (len(found.items), found.status, found.warnings) == (25, "ok", ())
