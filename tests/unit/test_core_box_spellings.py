"""Boxes in every spelling, and one scale for all boxes of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.box_spellings import is_box, read_sides, separate
from shared.core.replies.scale import BoxReading, scale_of, to_thousandths
from tests.strategies import boxes, odd_boxes

if TYPE_CHECKING:
    from shared.core.replies.box_spellings import Numbers

INF = float("inf")
NAN = float("nan")
PHOTO = (4000, 3000)


def read(value: Any, *others: Numbers, size: tuple[int, int] = (640, 480)) -> BoxReading:
    """A box as the only one of its answer, or beside others."""
    sides = read_sides(value)
    if sides.numbers is None:
        return BoxReading(None, sides.reason)
    scale = scale_of([sides.numbers, *others], width=size[0], height=size[1])
    reading = to_thousandths(sides.numbers, scale)
    return BoxReading(reading.box, reading.reason, sides.notes + reading.notes)


@pytest.mark.fault(72, 74)
@pytest.mark.parametrize(
    ("value", "expected", "notes"),
    [
        ([1, 2, 3, 4], (1, 2, 3, 4), ()),
        ([0, 0, 1000, 1000], (0, 0, 1000, 1000), ()),
        ([10.4, 20.5, 30.6, 41.5], (10, 20, 31, 42), ()),
        (["10", " 20 ", "30.2", "+40"], (10, 20, 30, 40), ()),
        ([-30, 10, 1040, 20], (0, 10, 1000, 20), ("clamped",)),
        ([30, 40, 10, 20], (10, 20, 30, 40), ("reordered",)),
        ([1020, 40, 10, 20], (10, 20, 1000, 40), ("clamped", "reordered")),
        ({"ymin": 1, "xmin": 2, "ymax": 3, "xmax": 4}, (1, 2, 3, 4), ()),
        ({"x_min": 0.1, "y_min": 0.25, "x_max": 0.5, "y_max": 1}, (250, 100, 1000, 500), ("fractions",)),
        ({"xMin": 100, "yMin": 250, "xMax": 500, "yMax": 1000}, (250, 100, 1000, 500), ()),
        ({"top": 1, "left": 2, "bottom": 3, "right": 4}, (1, 2, 3, 4), ()),
        ({"x1": 2, "y1": 1, "x2": 4, "y2": 3}, (1, 2, 3, 4), ()),
        ({"x0": 2, "y0": 1, "x1": 4, "y1": 3}, (1, 2, 3, 4), ()),
        ({"x": 2, "y": 1, "width": 20, "height": 30}, (1, 2, 31, 22), ("box_from_size",)),
        ({"Left": 0.2, "Top": 0.1, "Width": 0.1, "Height": 0.3}, (100, 200, 400, 300), ("box_from_size", "fractions")),
        ("[1, 2, 3, 4]", (1, 2, 3, 4), ("box_as_text",)),
        ("1,2,3,4", (1, 2, 3, 4), ("box_as_text",)),
        ("(1 2 3 4)", (1, 2, 3, 4), ("box_as_text",)),
        ('{"ymin": 1, "xmin": 2, "ymax": 3, "xmax": 4}', (1, 2, 3, 4), ()),
        ([[1, 2, 3, 4]], (1, 2, 3, 4), ()),
        ([[1, 2], [3, 4]], (1, 2, 3, 4), ()),
        ({"box_2d": [1, 2, 3, 4]}, (1, 2, 3, 4), ()),
        ([0.1, 0.2, 0.5, 0.9], (100, 200, 500, 900), ("fractions",)),
        ([0, 0, 0.5, 1.02], (0, 0, 500, 1000), ("fractions", "clamped")),
    ],
)
def test_a_box_is_read_by_stated_rules(value: Any, expected: tuple[int, ...], notes: tuple[str, ...]) -> None:
    reading = read(value)
    assert (reading.box, reading.notes) == (expected, notes)


@pytest.mark.fault(71, 72, 74)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1, 2, 3], "a box has four numbers, this has 3 entries"),
        ([1, 2, 3, 4, 5], "a box has four numbers, this has 5 entries"),
        ([], "a box has four numbers, this has 0 entries"),
        (None, "a box has four numbers, this has nothing"),
        ("left of the cat", "a box has four numbers, this has a text"),
        ("1,2,3", "a box has four numbers, this has a text"),
        ({"x": 1}, "a box has four numbers, this has other names"),
        (7, "a box has four numbers, this has a single value"),
        ([1, 2, 3, NAN], "a box has four finite numbers, one of these is something else"),
        ([1, 2, 3, INF], "a box has four finite numbers, one of these is something else"),
        ([True, 2, 3, 4], "a box has four finite numbers, one of these is something else"),
        ([1, 2, None, 4], "a box has four finite numbers, one of these is something else"),
        ([1, 2, [3], 4], "a box has four finite numbers, one of these is something else"),
        (["1e3", 2, 3, 4], "a box has four finite numbers, one of these is something else"),
        ([5, 5, 5, 9], "a box has an area, this one has none: [5, 5, 5, 9]"),
        ([1020, 0, 1030, 9], "a box has an area, this one has none: [1000, 0, 1000, 9]"),
        ([10.1, 0, 10.4, 9], "a box has an area, this one has none: [10, 0, 10, 9]"),
        ([-60, 10, 1440, 20], "a box is given in 0-1000, this one lies far outside: [-60, 10, 1440, 20]"),
        ([1e12, 0, 1, 5], "a box is given in 0-1000, this one lies far outside: [1e+07, 0, 1, 5]"),
    ],
)
def test_what_is_no_box_is_rejected_with_a_reason(value: Any, reason: str) -> None:
    reading = read(value)
    assert (reading.box, reading.reason) == (None, reason)


@given(boxes())
def test_an_honest_box_is_left_alone(box: list[int]) -> None:
    assert read(box) == BoxReading((box[0], box[1], box[2], box[3]))


@pytest.mark.fault(71, 74)
@given(odd_boxes)
def test_whatever_is_read_as_a_box_lies_within_0_to_1000_and_has_an_area(value: Any) -> None:
    reading = read(value)
    if reading.box is None:
        assert reading.reason
    else:
        ymin, xmin, ymax, xmax = reading.box
        assert 0 <= ymin < ymax <= 1000
        assert 0 <= xmin < xmax <= 1000


@given(st.lists(boxes(), min_size=1, max_size=6))
def test_fractions_are_the_scale_of_all_boxes_or_of_none(found: list[list[int]]) -> None:
    fractions = [tuple(side / 1000 for side in box) for box in found]
    readings = [to_thousandths(box, scale_of(fractions, width=640, height=480)) for box in fractions]  # type: ignore[arg-type]
    whole = all(side.is_integer() for box in fractions for side in box)
    if not whole:
        assert [reading.box for reading in readings] == [tuple(box) for box in found]


def test_one_box_in_fractions_beside_others_in_thousandths_is_no_box() -> None:
    reading = read([0.1, 0.2, 0.5, 0.9], (100.0, 200.0, 300.0, 400.0))
    assert reading.reason == "a box is given in 0-1000 like the others of its answer, this one in fractions of one"


@given(
    st.lists(boxes(), min_size=1, max_size=6), st.booleans(), st.sampled_from([(4000, 3000), (1280, 960), (900, 4000)])
)
def test_pixels_are_the_scale_of_all_boxes_as_soon_as_one_cannot_be_in_thousandths(
    found: list[list[int]], swapped: bool, size: tuple[int, int]
) -> None:
    width, height = size
    pixels = [(b[0] * height / 1000, b[1] * width / 1000, b[2] * height / 1000, b[3] * width / 1000) for b in found]
    if swapped:
        pixels = [(b[1], b[0], b[3], b[2]) for b in pixels]
    scale = scale_of(pixels, width=width, height=height)
    assert (scale == "pixels") == any(max(box) > 1050 for box in pixels)
    if scale == "pixels":
        assert {to_thousandths(box, scale).box for box in pixels} == {None}


def test_a_box_that_lies_outside_of_any_frame_says_nothing_about_the_others() -> None:
    stray: Numbers = (100.0, 200.0, 300.0, 4000.0)
    assert read([100, 200, 300, 400], stray).box == (100, 200, 300, 400)
    assert read([100, 200, 300, 400], stray, size=PHOTO).box is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ([1, 2, 3, 4], 1),
        ([[1, 2, 3, 4]], 1),
        ([[1, 2, 3, 4], [5, 6, 7, 8]], 2),
        ([[1, 2], [3, 4]], 1),
        ([{"ymin": 1, "xmin": 2, "ymax": 3, "xmax": 4}, [5, 6, 7, 8], "[1, 2, 3, 4]"], 3),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", 1),
        (None, 1),
    ],
)
def test_a_list_of_boxes_is_several(value: Any, count: int) -> None:
    assert len(separate(value)) == count


@pytest.mark.parametrize("names", [("yMin", "xMin", "yMax", "xMax"), ("Y_MIN", "x_min", "y max", "X-Max")])
def test_names_of_sides_are_compared_without_case_and_marks(names: tuple[str, ...]) -> None:
    assert is_box(dict(zip(names, (1, 2, 3, 4), strict=True)))
