from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from shared.core.masks.png_writing import encode_mask_png
from shared.core.values import BoxPx, Mask
from tests.mask_bits import packed, pixels_of


def checkered(box: BoxPx) -> Mask:
    """A mask with every third pixel set, so that no shift by a pixel goes unnoticed."""
    pixels = np.resize([255, 0, 0], (box[3] - box[1], box[2] - box[0]))
    return Mask("ok", "polygon", box_px=box, area_px=-(-pixels.size // 3), bitmap=packed(pixels))


def expected(mask: Mask, width: int, height: int) -> bytes:
    assert mask.box_px is not None
    x0, y0, x1, y1 = mask.box_px
    full = np.zeros((height, width), dtype=np.uint8)
    full[y0:y1, x0:x1] = pixels_of(mask)
    return full.tobytes()


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["PNG"])


@pytest.mark.parametrize("x0", range(9))
@pytest.mark.parametrize("wide", [1, 2, 7, 8, 9, 16])
@pytest.mark.parametrize("spare", [0, 1, 7])
def test_a_mask_at_any_bit_of_a_byte_comes_back_as_it_was(x0: int, wide: int, spare: int) -> None:
    mask = checkered((x0, 1, x0 + wide, 4))
    width = x0 + wide + spare
    assert decoded(encode_mask_png(mask, width=width, height=5)).convert("L").tobytes() == expected(mask, width, 5)


@pytest.mark.parametrize(
    ("y0", "y1", "height"), [(0, 1, 1), (0, 700, 700), (256, 512, 768), (255, 257, 900), (699, 700, 700)]
)
def test_rows_above_and_below_the_box_are_all_there(y0: int, y1: int, height: int) -> None:
    mask = checkered((3, y0, 13, y1))
    assert decoded(encode_mask_png(mask, width=20, height=height)).convert("L").tobytes() == expected(mask, 20, height)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_any_box_comes_back_as_it_was(width: int, height: int, data: st.DataObject) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    mask = checkered((x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))))
    picture = decoded(encode_mask_png(mask, width=width, height=height))
    assert picture.convert("L").tobytes() == expected(mask, width, height)


def test_the_file_has_one_bit_per_pixel_and_three_chunks() -> None:
    data = encode_mask_png(checkered((0, 0, 4, 4)), width=640, height=480)
    assert struct.unpack(">IIBB", data[16:26]) == (640, 480, 1, 0)
    assert (data.count(b"IHDR"), data.count(b"IDAT"), data.count(b"IEND")) == (1, 1, 1)
    assert decoded(data).mode == "1"


def test_noise_is_encoded_to_about_its_own_size() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (500, 800))
    mask = Mask("ok", "png", box_px=(0, 0, 800, 500), area_px=int(noise.sum()), bitmap=packed(noise))
    assert len(encode_mask_png(mask, width=800, height=500)) <= 51_000


def test_a_round_mask_of_12_megapixels_is_a_small_file() -> None:
    ellipse = Image.new("1", (1000, 800))
    ImageDraw.Draw(ellipse).ellipse((0, 0, 999, 799), fill=1)
    mask = Mask("ok", "polygon", box_px=(1501, 1001, 2501, 1801), area_px=1, bitmap=ellipse.tobytes())
    assert len(encode_mask_png(mask, width=4000, height=3000)) < 8_000


def test_the_same_mask_gives_the_same_bytes() -> None:
    mask = checkered((5, 6, 77, 88))
    assert encode_mask_png(mask, width=100, height=100) == encode_mask_png(mask, width=100, height=100)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (Mask("unavailable", reason="tokens"), r"expected a mask to encode, found none \(tokens\)"),
        (checkered((0, 0, 11, 5)), r"expected a box inside of 10x10, found \(0, 0, 11, 5\)"),
        (checkered((0, 9, 5, 11)), r"expected a box inside of 10x10"),
        (Mask("ok", "png", box_px=(0, 0, 2, 2), bitmap=b"\xff"), r"expected 2 bytes for .*, found 1"),
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(mask: Mask, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_mask_png(mask, width=10, height=10)
