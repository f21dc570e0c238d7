"""A mask fits its box: in which frame it is read, how well it fits, and at which threshold it is cut."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.core.geometry import to_pixels
from shared.core.masks.allowance import MaskAllowance
from shared.core.masks.png_writing import encode_soft_png
from shared.core.masks.reading import MaskWish, read_mask
from tests.mask_bits import pixels_of
from tests.mask_values import BOX, CENTRE, data_url, mask_of, png

if TYPE_CHECKING:
    from shared.core.values import Box1000, Mask


def framed(grey: Image.Image, box: Box1000, size: tuple[int, int], wish: MaskWish | None = None) -> Mask:
    """The mask of a PNG in an image of any size."""
    box_px = to_pixels(box, width=size[0], height=size[1])
    return read_mask(data_url(png(grey)), box=box, box_px=box_px, width=size[0], height=size[1], wish=wish)


def lit(size: tuple[int, int], part: tuple[int, int, int, int]) -> Image.Image:
    """A picture in which a part is set, given in thousandths: x0, y0, x1, y1."""
    picture = Image.new("L", size)
    x0, y0, x1, y1 = part
    picture.paste(255, (x0 * size[0] // 1000, y0 * size[1] // 1000, x1 * size[0] // 1000, y1 * size[1] // 1000))
    return picture


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1280, 960), (256, 256), (500, 400)])
def test_a_png_of_the_whole_image_is_cut_to_its_box(size: tuple[int, int]) -> None:
    mask = framed(lit(size, (200, 100, 400, 300)), (100, 200, 300, 400), (640, 480))
    assert (mask.status, mask.source, mask.notes) == ("ok", "png", ("png_of_image",))
    assert mask.area_px == pytest.approx(128 * 96, rel=0.05)
    assert mask.fit is not None
    assert mask.fit > 0.95


def test_a_png_of_the_whole_image_that_is_set_elsewhere_is_no_mask_of_this_box() -> None:
    mask = framed(lit((640, 480), (700, 700, 900, 900)), (100, 200, 300, 400), (640, 480))
    assert (mask.status, mask.reason) == (
        "unavailable",
        "expected a mask that fits its box, found a PNG of the whole image that hardly overlaps it",
    )


def test_a_speck_in_a_png_is_no_mask_of_its_box() -> None:
    mask = framed(lit((256, 256), (900, 900, 930, 930)), (100, 200, 300, 400), (640, 480))
    assert mask.reason == "expected a mask that fits its box, found a PNG that hardly overlaps it"


@given(
    st.tuples(st.integers(0, 700), st.integers(0, 700), st.integers(60, 300), st.integers(60, 300)),
    st.sampled_from([(640, 480), (1280, 960), (4000, 3000), (300, 2000)]),
)
def test_a_polygon_in_pixels_is_never_a_mask_of_the_wrong_place(
    part: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    y, x, high, wide = part
    box: Box1000 = (y, x, y + high, x + wide)
    corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
    box_px = to_pixels(box, width=size[0], height=size[1])
    pixels = [[px * size[0] / 1000, py * size[1] / 1000] for px, py in corners]
    mask = read_mask(pixels, box=box, box_px=box_px, width=size[0], height=size[1])
    assert mask.status == "unavailable" or (mask.fit is not None and mask.fit >= 0.3)
    honest = read_mask([list(corner) for corner in corners], box=box, box_px=box_px, width=size[0], height=size[1])
    assert (honest.status, honest.fit, honest.notes) == ("ok", 1.0, ())


@pytest.mark.parametrize(
    ("value", "notes"),
    [
        ([[0.2, 0.1], [0.6, 0.1], [0.6, 0.3], [0.2, 0.3]], ("polygon_fractions",)),
        ([[0.1, 0.2], [0.1, 0.6], [0.3, 0.6], [0.3, 0.2]], ("polygon_fractions", "polygon_yx")),
    ],
)
def test_a_polygon_in_fractions_of_the_image_is_scaled(value: Any, notes: tuple[str, ...]) -> None:
    mask = mask_of(value)
    assert (mask.area_px, mask.notes, mask.fit) == (200 * 400, notes, 1.0)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda text: "<start_of_mask><seg_12><seg_7> " + text, id="behind tokens"),
        pytest.param(lambda text: "<seg_1>" * 16 + text.removeprefix("data:image/png;base64,"), id="tokens, no prefix"),
        pytest.param(lambda text: text.removeprefix("data:"), id="prefix without data"),
        pytest.param(
            lambda text: text.replace("+", "-").replace("/", "_").replace("image_png", "image/png"), id="URL-safe"
        ),
    ],
)
def test_a_whole_png_behind_debris_is_read(wrap: Any) -> None:
    noise = np.random.default_rng(3).integers(0, 2, (64, 64), dtype=np.uint8) * np.uint8(255)
    text = data_url(png(Image.fromarray(noise)))
    assert {"+", "/"} <= set(text.removeprefix("data:image/png;base64,"))
    assert mask_of(wrap(text)).area_px == mask_of(text).area_px > 0


def slope() -> Image.Image:
    """256x256, from 0 at the left to 255 at the right."""
    return Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1)))


@pytest.mark.parametrize(("threshold", "share"), [(0, 255 / 256), (127, 0.5), (200, 55 / 256), (254, 1 / 256)])
def test_the_threshold_decides_what_is_inside(threshold: int, share: float) -> None:
    mask = framed(slope(), (0, 0, 1000, 1000), (256, 256), MaskWish(threshold))
    assert mask.area_px == round(256 * 256 * share)


def test_probabilities_are_kept_at_full_size_as_the_guides_build_them() -> None:
    box, size = (100, 200, 500, 600), (640, 480)
    mask = framed(slope(), box, size, MaskWish(soft=True))
    assert mask.box_px is not None
    x0, y0, x1, y1 = mask.box_px
    expected = np.zeros((size[1], size[0]), dtype=np.uint8)
    expected[y0:y1, x0:x1] = np.asarray(slope().resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR))
    written = Image.open(io.BytesIO(encode_soft_png(mask, width=size[0], height=size[1])))
    assert np.array_equal(np.asarray(written), expected)
    assert np.array_equal(pixels_of(mask) == 255, expected[y0:y1, x0:x1] > 127)


def test_probabilities_beyond_the_memory_bound_are_left_out_and_that_is_noted() -> None:
    wish, allowance = MaskWish(soft=True), MaskAllowance(soft_pixels=99)
    mask = read_mask(
        data_url(png(slope())),
        box=BOX,
        box_px=(200, 100, 600, 300),
        width=1000,
        height=1000,
        allowance=allowance,
        wish=wish,
    )
    assert (mask.status, mask.soft, mask.notes) == ("ok", b"", ("soft_mask_left_out",))


def test_a_polygon_has_no_probabilities() -> None:
    box_px = (200, 100, 600, 300)
    mask = read_mask(CENTRE, box=BOX, box_px=box_px, width=1000, height=1000, wish=MaskWish(soft=True))
    assert (mask.status, mask.soft) == ("ok", b"")
    with pytest.raises(ValueError, match="one per pixel"):
        encode_soft_png(mask, width=1000, height=1000)
