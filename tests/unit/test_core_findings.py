from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.core.geometry import to_upright
from shared.core.masks.allowance import MaskAllowance
from shared.core.masks.png_writing import encode_mask_png
from shared.core.replies import findings
from shared.core.replies.findings import Findings, find_items
from shared.core.values import ImageInfo, Item
from tests.strategies import images, json_values, odd_boxes, odd_masks, replies

INFO = ImageInfo(1000, 500, "jpeg", "image/jpeg")
PHOTO = ImageInfo(4000, 3000, "jpeg", "image/jpeg")
TRIANGLE = [[100, 100], [300, 100], [300, 300]]
CIRCLE = [[500 + 499 * math.cos(i * math.tau / 60), 500 + 499 * math.sin(i * math.tau / 60)] for i in range(60)]


def square_png() -> str:
    """256x256, all set: a mask of a real answer holds as many pixels."""
    file = io.BytesIO()
    Image.new("L", (256, 256), 255).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def find(value: Any, *, masks: bool = False, info: ImageInfo = INFO) -> Findings:
    return find_items(value if isinstance(value, str) else json.dumps(value), info=info, masks=masks, max_items=25)


def test_an_honest_answer_is_ok_and_boxes_are_in_all_frames() -> None:
    turned = ImageInfo(1000, 500, "jpeg", "image/jpeg", orientation=6)
    found = find({"boxes": [{"box_2d": [100, 200, 300, 400], "label": "cat"}]}, info=turned)
    item = Item(0, "cat", box_2d=(100, 200, 300, 400), box_px=(200, 50, 400, 150), box_px_stored=(50, 600, 150, 800))
    assert found == Findings((item,), "ok")


@pytest.mark.parametrize(
    "text", ["[]", '{"boxes": []}', "```json\n[]\n```", "null", '{"boxes": null}', '{"objects": {}}']
)
def test_an_empty_list_is_empty_and_no_failure(text: str) -> None:
    assert find(text) == Findings((), "empty", "the model found nothing")


@pytest.mark.fault(69)
@pytest.mark.parametrize("text", ["", "I see nothing.", "{}", "[1, 2]", "{boxes: []}"])
def test_an_unreadable_answer_is_failed_and_not_empty(text: str) -> None:
    assert find(text) == Findings((), "failed", "unreadable: expected a JSON list of items, found none in the answer")


def test_an_answer_cut_before_its_first_item_is_failed() -> None:
    found = find('{"boxes": [{"box_2d": [265,702,433,81')
    assert (found.status, found.reason) == (
        "failed",
        "unreadable: the answer is cut off before its first complete item",
    )


def test_an_answer_cut_after_an_item_is_partial() -> None:
    found = find('{"boxes": [{"box_2d": [1, 2, 3, 4], "label": "cat"}, {"box_2d": [265,702,433,81')
    assert [item.box_2d for item in found.items] == [(1, 2, 3, 4)]
    assert (found.status, found.reason) == ("partial", "the answer is cut off: only complete items count")


@pytest.mark.fault(74)
def test_an_unusable_entry_stays_an_item_and_makes_the_result_partial() -> None:
    found = find([{"box_2d": [1, 2, 3], "label": "cat"}, {"box_2d": [1, 2, 3, 4], "label": "dog"}, {"label": "eel"}, 7])
    assert [(item.index, item.label, item.status, item.reason) for item in found.items] == [
        (0, "cat", "unusable", "a box has four numbers, this has 3 entries"),
        (1, "dog", "ok", None),
        (2, "eel", "unusable", "no box in the answer"),
        (3, "", "unusable", "expected an object with a box, found a bare value"),
    ]
    assert (found.status, found.reason) == ("partial", "3 of 4 items are unusable")


@pytest.mark.fault(68)
def test_a_broken_entry_makes_the_result_partial() -> None:
    found = find('[{"box_2d": [1, 2, 3, 4]}, {"box_2d": [1 2]}, {"box_2d": [5, 6, 7, 8]}]')
    assert [item.box_2d for item in found.items] == [(1, 2, 3, 4), (5, 6, 7, 8)]
    assert (found.status, found.reason) == ("partial", "1 entries of the answer are broken JSON")


@pytest.mark.fault(74)
def test_every_change_is_noted_and_counted() -> None:
    found = find(
        [
            {"box_2d": [-5, 10, 20, 30], "label": "a"},
            {"box_2d": [40, 30, 20, 1010], "label": "b"},
            {"bbox": [1, 2, 3, 4], "label": "c" * 300},
        ]
    )
    assert [item.notes for item in found.items] == [
        ("clamped",),
        ("clamped", "reordered"),
        ("other_box_key", "label_cut"),
    ]
    assert found.status == "ok"
    assert found.warnings == (
        "a box reached beyond 0-1000 and was clamped (2x)",
        "a box had its corners in reverse and was put in order (1x)",
        "a box stood under another name than box_2d (1x)",
        "a label was too long and was cut (1x)",
    )


def test_rejections_are_counted_by_reason() -> None:
    found = find([{"label": "a"}, {"label": "b"}, {"box_2d": [5, 5, 5, 9], "label": "c"}])
    assert (found.status, found.reason) == (
        "failed",
        "unusable: none of 3 items can be used: no box in the answer",
    )
    assert found.warnings == ("no box in the answer (2x)", "a box has an area, this one has none: [5, 5, 5, 9] (1x)")


def test_a_key_repeated_around_the_items_is_warned_about() -> None:
    entry = '"boxes": [{"label": "cat", "box_2d": [5, 6, 7, 8]}]'
    found = find(f"{{{entry}, {entry}}}")
    assert found.warnings == ("an object repeated a key; the last value counts",)


def test_two_labels_of_one_box_stay_and_say_so_and_the_same_label_is_one_item() -> None:
    box = {"box_2d": [1, 2, 3, 4]}
    found = find([box | {"label": "jar"}, box | {"label": "lid"}, box | {"label": "jar"}, box | {"label": "jar"}])
    assert [(item.label, item.notes) for item in found.items] == [("jar", ()), ("lid", ("same box as item 0",))]
    assert found.status == "ok"
    assert found.warnings == ("an object came again with the same label and nearly the same box (2x)",)


def test_a_label_that_is_not_among_the_given_ones_is_noted_and_stays() -> None:
    text = json.dumps([{"box_2d": [1, 2, 3, 4], "label": "kitten"}, {"box_2d": [5, 6, 7, 8], "label": "dog"}])
    found = find_items(text, info=INFO, masks=False, max_items=25, labels=("cat", "dog"))
    assert [(item.label, item.notes) for item in found.items] == [("kitten", ("label_not_given",)), ("dog", ())]
    assert found.warnings == ("a label is none of those that were given (1x)",)


def test_what_was_paid_for_is_kept_unless_somebody_has_set_the_limit() -> None:
    text = json.dumps([{"box_2d": [0, 30 * n, 9, 30 * n + 9], "label": "ball"} for n in range(30)])
    found = find_items(text, info=INFO, masks=False, max_items=25, limited=False)
    assert (len(found.items), found.status) == (30, "ok")
    assert found.warnings == ("the answer holds 30 items, 25 were asked for: all of them are kept",)
    cut = find_items(text, info=INFO, masks=False, max_items=25)
    assert (len(cut.items), cut.status, cut.reason) == (25, "partial", "the answer holds more than the 25 items taken")


def test_there_is_a_limit_to_what_is_kept() -> None:
    text = json.dumps([{"box_2d": [n, 0, n + 1, 1], "label": str(n)} for n in range(600)])
    found = find_items(text, info=INFO, masks=False, max_items=25, limited=False)
    assert (len(found.items), found.status) == (500, "partial")


@pytest.mark.fault(80)
def test_more_items_than_allowed_are_partial() -> None:
    found = find([{"box_2d": [1, 2, 3, 4], "label": str(n)} for n in range(26)])
    assert (len(found.items), found.status) == (25, "partial")
    assert found.reason == "the answer holds more than the 25 items taken"


def test_masks_nobody_asked_for_are_not_read() -> None:
    (item,) = find([{"box_2d": [1, 2, 3, 4], "mask": "junk"}]).items
    assert (item.status, item.mask) == ("ok", None)


def test_an_item_with_a_good_mask_is_ok() -> None:
    found = find([{"box_2d": [100, 100, 300, 300], "mask": TRIANGLE, "label": "x"}], masks=True)
    (item,) = found.items
    assert (found.status, found.warnings, item.notes) == ("ok", (), ())
    assert item.mask is not None
    assert (item.mask.status, item.mask.box_px) == ("ok", (100, 50, 300, 150))


@pytest.mark.fault(75)
def test_a_mask_that_is_none_makes_the_result_partial_and_leaves_the_box() -> None:
    found = find([{"box_2d": [100, 100, 300, 300], "mask": "<seg_1>", "label": "x"}], masks=True)
    (item,) = found.items
    assert (item.status, item.box_px) == ("ok", (100, 50, 300, 150))
    assert (found.status, found.reason) == ("partial", "1 of 1 usable items have no mask")
    assert found.warnings == ("segmentation tokens: the codebook that decodes them is not public (1x)",)


def test_how_a_polygon_was_understood_is_noted_on_the_item() -> None:
    mask = [[100, 500], [200, 500], [150, 900]]
    found = find([{"box_2d": [100, 500, 200, 900], "mask": mask, "label": "x"}], masks=True)
    assert found.items[0].notes == ("polygon_yx",)
    assert found.warnings == ("a polygon was read as [y, x], which fits its box better (1x)",)


@pytest.mark.fault(79)
@pytest.mark.parametrize("box", [{}, {"box_2d": [1, 2, 3]}])
def test_a_polygon_without_a_usable_box_gives_its_own(box: dict[str, Any]) -> None:
    (item,) = find([box | {"mask": TRIANGLE, "label": "x"}], masks=True).items
    assert (item.status, item.box_2d, item.notes) == ("ok", (100, 100, 300, 300), ("box_from_mask",))


def test_masks_beyond_the_memory_bound_are_refused_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MaskAllowance", partial(MaskAllowance, pixels=100_000_000))
    whole = {"box_2d": [0, 0, 1000, 1000], "mask": [[0, 0], [1000, 0], [0, 1000]]}
    small = {"box_2d": [0, 0, 100, 100], "mask": [[0, 0], [100, 0], [0, 100]]}
    huge = ImageInfo(9000, 6000, "jpeg", "image/jpeg")
    found = find([whole, whole | {"label": "other"}, small], masks=True, info=huge)
    assert [item.mask and item.mask.status for item in found.items] == ["ok", "unavailable", "ok"]
    assert found.status == "partial"


def test_masks_that_take_too_much_work_are_refused_and_the_others_stay() -> None:
    tangle = [[i % 2 * 1000, i // 4] for i in range(4000)]
    masks = {"tangle": tangle, "half": [[0, 0], [1000, 0], [0, 1000]]}
    entries = [{"box_2d": [0, 0, 1000, 1000], "mask": mask, "label": label} for label, mask in masks.items()]
    found = find(entries, masks=True, info=PHOTO)
    assert [item.mask and item.mask.status for item in found.items] == ["unavailable", "ok"]
    assert found.warnings[-1] == "the masks of one answer may take 300000000 steps of work, this one is beyond (1x)"


@pytest.mark.parametrize("mask", [CIRCLE, square_png()], ids=["polygon", "png"])
@pytest.mark.parametrize("size", [(4000, 3000), (8000, 5000)])
def test_25_masks_of_a_whole_photo_are_all_ok(mask: Any, size: tuple[int, int]) -> None:
    info = ImageInfo(*size, "jpeg", "image/jpeg")
    entries = [{"box_2d": [0, 0, 1000, 1000], "mask": mask, "label": str(n)} for n in range(25)]
    found = find(entries, masks=True, info=info)
    assert (len(found.items), {item.mask and item.mask.status for item in found.items}) == (25, {"ok"})


hostile = st.one_of(
    st.text(),
    replies(),
    json_values.map(json.dumps),
    st.lists(st.fixed_dictionaries({"box_2d": odd_boxes, "mask": odd_masks, "label": json_values})).map(json.dumps),
)


@given(hostile, images, st.booleans())
def test_whatever_is_found_lies_in_the_image(text: str, info: ImageInfo, masks: bool) -> None:
    found = find(text, masks=masks, info=info)
    assert (found.reason is None) == (found.status == "ok")
    for item in found.items:
        item.label.encode("utf-8")
        assert (item.status == "ok") == (item.box_px is not None) == (item.reason is None)
        if item.box_px and item.box_px_stored:
            x0, y0, x1, y1 = item.box_px
            assert 0 <= x0 < x1 <= info.width
            assert 0 <= y0 < y1 <= info.height
            upright = to_upright(item.box_px_stored, width=info.width, height=info.height, orientation=info.orientation)
            assert upright == item.box_px
        if item.mask and item.mask.status == "ok":
            assert item.mask.box_px == item.box_px
            assert encode_mask_png(item.mask, width=info.width, height=info.height)


def test_importing_the_readers_loads_no_imaging_library() -> None:
    code = (
        "import sys, shared.core.replies.answer, shared.core.replies.findings, shared.core.masks.png_writing;"
        "sys.exit(str([name for name in ('numpy', 'PIL') if name in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.strip() == "[]"
