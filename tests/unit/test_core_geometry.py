from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shared.core.geometry import read_number, to_pixels, to_stored, to_upright
from tests.strategies import boxes

INF = float("inf")
NAN = float("nan")


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
