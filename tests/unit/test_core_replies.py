"""Every recorded answer is read whole, and at every cut without inventing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.core.replies.classifying import parse_labels
from shared.core.replies.findings import find_items
from shared.core.replies.free_text import parse_caption
from shared.core.replies.parsing import parse_items
from shared.core.values import ImageInfo

CASES = sorted(path for path in (Path(__file__).parents[1] / "replies").iterdir() if path.is_dir())
ITEM_CASES = [case for case in CASES if not case.name.startswith(("caption", "tags"))]
TAG_CASES = [case for case in CASES if case.name.startswith("tags")]
INFO = ImageInfo(640, 480, "jpeg", "image/jpeg", orientation=6)


def text(case: Path) -> str:
    return (case / "response.txt").read_text(encoding="utf-8")


def meta(case: Path) -> Any:
    return json.loads((case / "meta.json").read_text(encoding="utf-8"))


def reply(name: str) -> str:
    return text(next(case for case in CASES if case.name == name))


def by_name(case: Path) -> str:
    return case.name


def test_there_are_recorded_answers_of_every_kind() -> None:
    assert len(ITEM_CASES) >= 20
    assert len(TAG_CASES) >= 2


@pytest.mark.parametrize("case", ITEM_CASES, ids=by_name)
def test_every_expected_item_is_recovered(case: Path) -> None:
    assert len(parse_items(text(case), max_items=100).items) == meta(case)["expected_items"]


@pytest.mark.parametrize("case", TAG_CASES, ids=by_name)
def test_every_expected_label_is_recovered(case: Path) -> None:
    assert len(parse_labels(text(case), max_labels=100).labels) == meta(case)["expected_items"]


def test_a_caption_in_plain_words_is_recovered() -> None:
    assert parse_caption(reply("caption_clothes_1")).text == (
        "This is a red, short-sleeved, knee-length women's dress with a colorful floral pattern."
    )


@pytest.mark.fault(65)
@pytest.mark.parametrize("case", ITEM_CASES, ids=by_name)
def test_an_answer_cut_anywhere_holds_the_first_items_of_the_whole_and_no_other(case: Path) -> None:
    whole = text(case)
    items = parse_items(whole, max_items=100).items
    counts = []
    # Inside of a picture in base64 one character is like the next.
    for end in (*range(0, len(whole), 1 + len(whole) // 2_500), len(whole)):
        cut = parse_items(whole[:end], max_items=100).items
        assert cut == items[: len(cut)], f"cut at {end}"
        counts.append(len(cut))
    assert counts == sorted(counts)
    assert counts[-1] == len(items)


@pytest.mark.parametrize("case", TAG_CASES, ids=by_name)
def test_labels_cut_at_any_character_are_the_first_labels_of_the_whole(case: Path) -> None:
    whole = text(case)
    labels = parse_labels(whole, max_labels=100).labels
    for end in range(len(whole)):
        cut = parse_labels(whole[:end], max_labels=100, complete=False).labels
        assert cut == labels[: len(cut)], f"cut at {end}"


@pytest.mark.parametrize("case", [case for case in CASES if "derived_from" in meta(case)], ids=by_name)
def test_a_cut_answer_says_that_it_is_cut(case: Path) -> None:
    found = find_items(text(case), info=INFO, masks=False, max_items=100)
    assert parse_items(text(case)).truncated
    if any(item.status == "ok" for item in found.items):
        assert found.status == "partial"
        assert str(found.reason).startswith("the answer is cut off: only complete items count")
    else:  # points, which are no boxes
        assert found.status == "failed"


@pytest.mark.parametrize("case", [case for case in CASES if meta(case).get("masks_base64")], ids=by_name)
def test_every_recorded_png_mask_is_decoded(case: Path) -> None:
    found = find_items(text(case), info=INFO, masks=True, max_items=100)
    assert found.status == "ok"
    assert [item.mask.source for item in found.items if item.mask] == ["png"] * meta(case)["masks_base64"]


@pytest.mark.fault(75)
@pytest.mark.parametrize(
    ("name", "label", "reason"),
    [
        ("gimme_mask_jsonmode", "sofa", "expected a mask, found a placeholder: 'gimme_mask_for_this'"),
        ("segtokens_cow_200667", "the cow", "segmentation tokens: the codebook that decodes them is not public"),
    ],
)
def test_a_mask_that_is_none_leaves_the_box_and_says_why(name: str, label: str, reason: str) -> None:
    found = find_items(reply(name), info=INFO, masks=True, max_items=100)
    (item,) = found.items
    assert (found.status, item.status, item.label) == ("partial", "ok", label)
    assert item.box_px is not None
    assert item.mask is not None
    assert (item.mask.status, item.mask.reason) == ("unavailable", reason)


@pytest.mark.fault(66)
def test_a_list_of_booleans_that_never_ends_is_a_failure_and_no_empty_result() -> None:
    found = find_items(reply("maskbools_issue961"), info=INFO, masks=True, max_items=100)
    assert (found.status, found.items) == ("failed", ())
    assert found.reason == "unreadable: the answer is cut off before its first complete item"


def test_boxes_without_masks_are_partial_where_masks_were_asked_for() -> None:
    text_ = reply("seg_nomask_gemini3flash")
    assert find_items(text_, info=INFO, masks=False, max_items=100).status == "ok"
    found = find_items(text_, info=INFO, masks=True, max_items=100)
    assert found.status == "partial"
    assert found.warnings == ("no mask in the answer (13x)",)


def test_a_lone_polygon_gives_the_box_around_it() -> None:
    (item,) = find_items(reply("polygon_forum_gemini35"), info=INFO, masks=True, max_items=100).items
    assert item.box_2d == (411, 325, 534, 408)
    assert item.notes == ("box_from_mask", "no_label")
    assert item.mask is not None
    assert item.mask.source == "polygon"


def test_two_labels_for_one_box_are_both_kept_and_marked() -> None:
    found = find_items(reply("seg_cupcakes_15masks_gemini25"), info=INFO, masks=True, max_items=100)
    assert len(found.items) == 15
    marked = {item.index: item.notes for item in found.items if item.notes}
    assert all(note[0].startswith("same box as item") for note in marked.values())
    assert len(marked) == 2


def test_points_are_items_that_cannot_be_used_as_boxes() -> None:
    found = find_items(reply("points_robotics_docs"), info=INFO, masks=False, max_items=100)
    assert found.status == "failed"
    assert {item.reason for item in found.items} == {"expected a box, found a point"}
