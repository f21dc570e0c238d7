from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shared.core.geometry import BoxReading, read_box, read_number, to_pixels, to_stored, to_upright
from tests.strategies import boxes, odd_boxes

INF = float("inf")
NAN = float("nan")


@pytest.mark.fault(72, 74)
@pytest.mark.parametrize(
    ("value", "expected", "notes"),
    [
        ([1, 2, 3, 4], (1, 2, 3, 4), ()),
        ([0, 0, 1000, 1000], (0, 0, 1000, 1000), ()),
        ([10.4, 20.5, 30.6, 41.5], (10, 20, 31, 42), ()),
        (["10", " 20 ", "30.2", "+40"], (10, 20, 30, 40), ()),
        ([-60, 10, 1440, 20], (0, 10, 1000, 20), ("clamped",)),
        ([30, 40, 10, 20], (10, 20, 30, 40), ("reordered",)),
        ([1200, 40, 10, 20], (10, 20, 1000, 40), ("clamped", "reordered")),
        ({"ymin": 1, "xmin": 2, "ymax": 3, "xmax": 4}, (1, 2, 3, 4), ()),
        ({"x_min": 0.1, "y_min": 0.25, "x_max": 0.5, "y_max": 1}, (250, 100, 1000, 500), ("fractions",)),
        ({"xMin": 100, "yMin": 250, "xMax": 500, "yMax": 1000}, (250, 100, 1000, 500), ()),
        ([1e12, 0, 1, 5], (1, 0, 1000, 5), ("clamped", "reordered")),
    ],
)
def test_a_box_is_read_by_stated_rules(value: Any, expected: tuple[int, ...], notes: tuple[str, ...]) -> None:
    reading = read_box(value)
    assert (reading.box, reading.notes) == (expected, notes)


@pytest.mark.fault(71, 72, 74)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2, 3], "a box has four numbers, this has 3 entries"),
        ([1, 2, 3, 4, 5], "a box has four numbers, this has 5 entries"),
        ([], "a box has four numbers, this has 0 entries"),
        (None, "a box has four numbers, this has nothing"),
        ("1,2,3,4", "a box has four numbers, this has a text"),
        ({"x": 1}, "a box has four numbers, this has other names"),
        (7, "a box has four numbers, this has a single value"),
        ([1, 2, 3, NAN], "a box has four finite numbers, one of these is something else"),
        ([1, 2, 3, INF], "a box has four finite numbers, one of these is something else"),
        ([True, 2, 3, 4], "a box has four finite numbers, one of these is something else"),
        ([1, 2, None, 4], "a box has four finite numbers, one of these is something else"),
        ([1, 2, [3], 4], "a box has four finite numbers, one of these is something else"),
        (["1e3", 2, 3, 4], "a box has four finite numbers, one of these is something else"),
        ([0.1, 0.2, 0.5, 0.9], "a box is given in 0-1000, this one in fractions of one"),
        ([5, 5, 5, 9], "a box has an area, this one has none: [5, 5, 5, 9]"),
        ([1100, 0, 1200, 9], "a box has an area, this one has none: [1000, 0, 1000, 9]"),
        ([10.1, 0, 10.4, 9], "a box has an area, this one has none: [10, 0, 10, 9]"),
    ],
)
def test_what_is_no_box_is_rejected_with_a_reason(value: Any, reason: str) -> None:
    reading = read_box(value)
    assert (reading.box, reading.reason) == (None, reason)


@given(boxes())
def test_an_honest_box_is_left_alone(box: list[int]) -> None:
    assert read_box(box) == BoxReading((box[0], box[1], box[2], box[3]))


@pytest.mark.fault(71, 74)
@given(odd_boxes)
def test_whatever_is_read_as_a_box_lies_within_0_to_1000_and_has_an_area(value: Any) -> None:
    reading = read_box(value)
    if reading.box is None:
        assert reading.reason
    else:
        ymin, xmin, ymax, xmax = reading.box
        assert 0 <= ymin < ymax <= 1000
        assert 0 <= xmin < xmax <= 1000


@pytest.mark.fault(71, 72)
@pytest.mark.parametrize("value", [True, None, "x", "1e3", "1234567", "\u0663\u0663", NAN, INF, -INF, [1], {}])
def test_what_is_no_number_is_none(value: object) -> None:
    assert read_number(value) is None


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((0, 0, 1000, 1000), (640, 480), (0, 0, 640, 480)),
        ((250, 0, 500, 333), (640, 480), (0, 120, 214, 240)),
        ((999, 999, 1000, 1000), (10, 10), (9, 9, 10, 10)),
        ((500, 500, 501, 501), (1, 1), (0, 0, 1, 1)),
        ((100, 200, 300, 400), (1000, 1000), (200, 100, 400, 300)),
        ((1, 1, 2, 2), (4000, 3000), (4, 3, 8, 6)),
    ],
)
def test_pixels_cover_the_box_minima_down_and_maxima_up(
    box: tuple[int, int, int, int], size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert to_pixels(box, width=size[0], height=size[1]) == expected


@given(boxes(), st.integers(1, 70_000), st.integers(1, 70_000))
def test_every_box_has_a_pixel_and_lies_in_the_image(box: list[int], width: int, height: int) -> None:
    x0, y0, x1, y1 = to_pixels((box[0], box[1], box[2], box[3]), width=width, height=height)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


@pytest.mark.fault(48)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_stored_box_holds_the_very_pixels_that_pillow_turns_upright(orientation: int) -> None:
    stored = np.zeros((5, 7), dtype=np.uint8) if orientation < 5 else np.zeros((7, 5), dtype=np.uint8)
    upright_box = (1, 2, 4, 5)
    x0, y0, x1, y1 = to_stored(upright_box, width=7, height=5, orientation=orientation)
    stored[y0:y1, x0:x1] = 255
    picture = Image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    turned = ImageOps.exif_transpose(picture)
    assert turned.size == (7, 5)
    assert turned.getbbox() == upright_box


@given(st.integers(1, 8), st.integers(1, 500), st.integers(1, 500), st.data())
def test_there_and_back_again_is_the_same_box(orientation: int, width: int, height: int, data: st.DataObject) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = (x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
    stored = to_stored(box, width=width, height=height, orientation=orientation)
    sides = (width, height) if orientation < 5 else (height, width)
    assert 0 <= stored[0] < stored[2] <= sides[0]
    assert 0 <= stored[1] < stored[3] <= sides[1]
    assert to_upright(stored, width=width, height=height, orientation=orientation) == box
