from __future__ import annotations

import struct

import pytest
from PIL import Image

from tests import hostile_builders as build
from tests.hostile_images import hostile_images
from tests.hostile_photos import swapped_profile
from tests.prepared_images import UPRIGHT_CORNERS, assert_alike, corners, prepared, upright

FILES = hostile_images()


@pytest.mark.fault(44)
@pytest.mark.parametrize("pillow_format", ["PNG", "TIFF"])
def test_16_bits_are_scaled_and_not_clipped(pillow_format: str) -> None:
    image = upright(build.encode(build.deep_grey(), pillow_format))

    assert [image.getpixel((column, 0)) for column in (0, 16, 63)] == [(0,) * 3, (62,) * 3, (245,) * 3]


def test_16_bits_in_motorola_order_are_scaled_too() -> None:
    data = build.encode(Image.frombytes("I;16B", (2, 1), struct.pack(">2H", 257, 65_535)), "TIFF")

    assert [upright(data).getpixel((column, 0)) for column in (0, 1)] == [(1, 1, 1), (255, 255, 255)]


def test_16_bits_where_0_is_white_are_inverted() -> None:
    data = bytearray(build.encode(Image.frombytes("I;16", (2, 1), struct.pack("<2H", 0, 65_535)), "TIFF"))
    at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[at : at + 2] = b"\0\0"

    assert [upright(bytes(data)).getpixel((column, 0)) for column in (0, 1)] == [(255, 255, 255), (0, 0, 0)]


@pytest.mark.fault(45)
def test_float_values_are_stretched_over_their_finite_range() -> None:
    data = FILES["tiff-float"]

    image = upright(data)

    assert [image.getpixel((column, 0)) for column in range(6)] == [(v, v, v) for v in (0, 64, 128, 255, 0, 255)]
    assert "values 0 to 1 stretched to 8 bits" in prepared(data).changes


@pytest.mark.fault(45)
@pytest.mark.parametrize("name", ["jpeg-cmyk", "tiff-cmyk"])
def test_cmyk_keeps_its_colours(name: str) -> None:
    data = FILES[name]

    assert_alike(corners(upright(data)), UPRIGHT_CORNERS, tolerance=6)
    assert "converted from CMYK to RGB" in prepared(data).changes


@pytest.mark.fault(45)
def test_lab_keeps_its_colours() -> None:
    assert_alike(corners(upright(FILES["tiff-lab"])), UPRIGHT_CORNERS, tolerance=16)


@pytest.mark.fault(47)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (200, 10, 10, 0)).convert(mode)
    data = build.encode(image, "PNG", exif=build.exif(3))

    assert upright(data).getpixel((4, 4)) == (255, 255, 255)
    assert "transparency laid on white" in prepared(data).changes


@pytest.mark.fault(47)
def test_a_transparent_colour_of_a_palette_is_laid_on_white() -> None:
    image = build.picture("P")
    index = image.getpixel((4, 4))

    assert upright(build.encode(image, "GIF", transparency=index)).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.fault(47)
def test_half_transparency_is_mixed_with_white_and_not_with_black() -> None:
    data = build.encode(Image.new("RGBA", (400, 400), (0, 0, 0, 128)), "PNG")

    assert upright(data, max_side_px=100).getpixel((50, 50)) == (127, 127, 127)


@pytest.mark.fault(50)
def test_an_embedded_profile_is_respected_when_an_image_is_converted() -> None:
    data = build.encode(build.picture(), "JPEG", icc_profile=swapped_profile())

    assert_alike(corners(upright(data))[:2], [(30, 220, 30), (200, 30, 30)], tolerance=12)
    assert "colours converted to sRGB" in prepared(data, max_side_px=32).changes


@pytest.mark.fault(50)
def test_a_broken_profile_is_ignored_and_noted() -> None:
    data = build.encode(build.picture(), "JPEG", icc_profile=b"not a profile")

    assert_alike(corners(upright(data)), UPRIGHT_CORNERS, tolerance=6)
    assert "colour profile ignored: it is broken or does not fit" in prepared(data, max_side_px=32).changes


def test_a_profile_for_another_kind_of_colours_is_ignored() -> None:
    data = build.encode(build.picture("CMYK"), "TIFF", icc_profile=swapped_profile())

    assert_alike(corners(upright(data)), UPRIGHT_CORNERS, tolerance=6)
