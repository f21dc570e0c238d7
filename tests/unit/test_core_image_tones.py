"""Bits, transparency and bare canvases: whatever a file holds, the picture that is sent shows it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests import hostile_builders as build
from tests import raw_builders as raws
from tests.prepared_images import decoded, prepared, upright

FIELD = build.IMAGES / "bounds"
SIZE = (96, 64)


def ramp(bits: int) -> np.ndarray:
    """Return columns from 0 to the largest value of so many bits."""
    return np.tile(np.rint(np.linspace(0, (1 << bits) - 1, SIZE[0])).astype(np.uint16), (SIZE[1], 1))


def png_of(values: np.ndarray, *extra: bytes) -> bytes:
    """Return a PNG of 16-bit samples, grey, RGB or RGBA by the shape of `values`."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = values.astype(">u2").reshape(values.shape[0], -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    size = (values.shape[1], values.shape[0])
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return build.png(size, *extra, build.chunk(b"IDAT", zlib.compress(body)), bits=16, colour_type=colour_type)


def tiff_of(values: np.ndarray, order: str = "<") -> bytes:
    """Return an uncompressed TIFF of 16-bit grey or RGB samples in one strip."""
    samples = 1 if values.ndim == 2 else 3
    data = values.astype(order + "u2").tobytes()
    entries = [(256, 4, 1, values.shape[1]), (257, 4, 1, values.shape[0]), (258, 3, 1, 16), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 2 if samples == 3 else 1), (273, 4, 1, 0), (277, 3, 1, samples), (279, 4, 1, len(data))]
    start = 8 + 2 + 12 * len(entries) + 4
    body = b""
    for tag, kind, count, value in entries:
        if tag == 258 and samples == 3:
            body += struct.pack(order + "HHII", tag, kind, 3, start)
            continue
        placed = start + 6 if tag == 273 else value
        body += struct.pack(order + "HHI", tag, kind, count)
        body += struct.pack(order + ("I" if kind == 4 else "HH"), *((placed,) if kind == 4 else (placed, 0)))
    head = (
        (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(entries))
    )
    return head + body + bytes(4) + struct.pack(order + "3H", 16, 16, 16) + data


def shades(data: bytes) -> list[float]:
    """Return the red of the first row of the picture that is sent."""
    return [float(shade) for shade in np.asarray(upright(data))[0, :, 0]]


def assert_is_a_ramp(data: bytes) -> None:
    found = shades(data)
    assert found == pytest.approx(np.linspace(0, 255, SIZE[0]).tolist(), abs=4)


@pytest.mark.parametrize("bits", [10, 12])
def test_a_grey_heic_of_more_than_8_bits_is_a_gradient(bits: int) -> None:
    data = (FIELD / f"heic-grey-{bits}-bit.heic").read_bytes()

    pixels = np.asarray(upright(data))[..., 0]
    assert (int(pixels.min()), int(pixels.max())) == (0, 255)
    assert len(np.unique(pixels)) > 20
    assert prepared(data).changes[0] == f"{bits} bits a channel scaled to 8"


@settings(deadline=None, max_examples=60)
@given(st.integers(8, 16), st.booleans(), st.sampled_from([png_of, tiff_of, lambda values: tiff_of(values, order=">")]))
def test_data_of_any_depth_in_words_of_16_bits_are_seen_in_all_their_tones(
    bits: int, colour: bool, form: Callable[[np.ndarray], bytes]
) -> None:
    values = ramp(bits)
    data = form(np.dstack([values] * 3) if colour else values)

    assert_is_a_ramp(data)
    said = f"only {bits} of them are used" if bits < 16 else "16 bits a channel scaled to 8"
    assert said in prepared(data).changes[0]


def test_the_depth_map_of_the_field_is_made_brighter_and_says_so() -> None:
    data = (FIELD / "png-16-bit-depth-of-12-bits.png").read_bytes()

    assert decoded(prepared(data)).convert("L").getextrema()[1] == 176
    assert "only 12 of them are used" in prepared(data).changes[0]


@pytest.mark.parametrize("colour", [False, True])
def test_a_few_marks_of_full_white_do_not_hide_data_of_12_bits(colour: bool) -> None:
    values = ramp(12)
    values[-1, -3:] = 65_535
    data = png_of(np.dstack([values] * 3) if colour else values)

    assert_is_a_ramp(data)


def test_a_dark_picture_of_8_bits_stays_dark() -> None:
    data = build.encode(Image.new("RGB", (96, 64), (9, 9, 9)), "TIFF")

    assert upright(data).getpixel((4, 4)) == (9, 9, 9)


@pytest.mark.parametrize(("bits", "clear"), [(1, 1), (2, 1), (4, 5), (8, 77)])
def test_the_transparent_shade_of_a_grey_png_is_transparent_at_every_depth(bits: int, clear: int) -> None:
    samples = [0, clear] * 4
    packed = int("".join(f"{sample:0{bits}b}" for sample in samples), 2).to_bytes(bits, "big")
    pixels = build.chunk(b"IDAT", zlib.compress(b"\0" + packed))
    exif = build.chunk(b"eXIf", build.exif(1))
    data = build.png((8, 1), exif, build.chunk(b"tRNS", struct.pack(">H", clear)), pixels, bits=bits, colour_type=0)

    result = prepared(data, accepted=frozenset())
    assert "transparency laid on white" in result.changes
    assert shades(data)[:2] == [0, 255]


@pytest.mark.parametrize("colour", [False, True])
def test_the_transparent_colour_of_16_bits_is_exactly_that_colour(colour: bool) -> None:
    values = np.array([[1_000, 1_001, 30_000, 60_000]], dtype=np.uint16)
    clear = struct.pack(">3H", *[1_000] * 3) if colour else struct.pack(">H", 1_000)
    data = png_of(np.dstack([values] * 3) if colour else values, build.chunk(b"tRNS", clear))

    assert shades(data) == [255, 4, 117, 233]
    assert "transparency laid on white" in prepared(data).changes


def words(colour: tuple[int, int, int], mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGBA", (200, 64), (*colour, 0))
    ImageDraw.Draw(image).text((10, 20), "SOME TEXT", fill=(*colour, 255), font_size=24)
    return image.convert(mode)


def contrast(data: bytes) -> int:
    shown = np.asarray(decoded(prepared(data, accepted=frozenset())).convert("L"))
    return int(shown.max()) - int(shown.min())


@pytest.mark.parametrize("colour", [(255, 255, 255), (248, 248, 248), (0, 0, 0), (200, 30, 30), (128, 128, 128)])
@pytest.mark.parametrize("pillow_format", ["PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_what_is_visible_is_seen_on_its_ground(pillow_format: str, colour: tuple[int, int, int]) -> None:
    data = build.encode(words(colour), pillow_format, **({"lossless": True} if pillow_format == "WEBP" else {}))

    assert contrast(data) > 100
    ground = "black" if min(colour) > 240 else "white"
    assert any(f"transparency laid on {ground}" in change for change in prepared(data, accepted=frozenset()).changes)


def test_the_white_words_of_the_field_are_seen() -> None:
    assert contrast((FIELD / "gif-white-on-transparent.gif").read_bytes()) > 200


def test_a_picture_of_which_nothing_is_visible_stays_white() -> None:
    data = build.encode(Image.new("RGBA", (20, 20), (255, 255, 255, 0)), "PNG")

    assert upright(data).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_frame_smaller_than_its_canvas_leaves_the_rest_white(mode: str) -> None:
    small = build.encode(Image.new(mode, (20, 10), 0), "GIF")
    data = bytearray(small)
    data[6:10] = struct.pack("<HH", 64, 48)
    at = small.index(b"\x2c", 13)
    data[at + 1 : at + 5] = struct.pack("<HH", 30, 20)

    image = upright(bytes(data))
    assert image.size == (64, 48)
    assert [image.getpixel(place) for place in ((0, 0), (29, 25), (50, 25), (40, 19), (40, 30))] == [(255,) * 3] * 5
    assert [image.getpixel(place) for place in ((30, 20), (49, 29))] == [(0,) * 3] * 2
    assert "its first frame fills 20x10 of 64x48 pixels, the rest is bare" in prepared(bytes(data)).changes


@pytest.mark.parametrize(("bits", "lightest"), [(12, 255), (14, 255), (16, 255), (10, 255)])
def test_grey_with_alpha_of_16_bits_is_made_brighter_where_it_uses_fewer(bits: int, lightest: int) -> None:
    words = np.zeros((48, 64, 2), ">u2")
    words[..., 0], words[..., 1] = np.linspace(0, (1 << bits) - 1, 64), 65_535
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in words))
    result = prepared(build.png((64, 48), build.chunk(b"IDAT", rows), bits=16, colour_type=4))

    assert abs(decoded(result).convert("L").getextrema()[1] - lightest) <= 3  # type: ignore[operator]
    assert ("made brighter" in " ".join(result.changes)) == (bits < 16)


def test_grey_with_alpha_of_16_bits_that_uses_8_says_that_it_is_black() -> None:
    rows = zlib.compress((b"\0" + b"\0\x80\xff\xff" * 64) * 48)
    result = prepared(build.png((64, 48), build.chunk(b"IDAT", rows), bits=16, colour_type=4))

    assert "so that it is black" in " ".join(result.changes)


@pytest.mark.parametrize("order", "<>")
def test_cmyk_of_16_bits_that_uses_12_of_them_keeps_its_colours(order: str) -> None:
    pixel = struct.pack(f"{order}4H", 0xFFF, 0, 0, 0)  # all of cyan
    tags = raws.grid(64, 48, samples=4, photometric=5).tags | {258: (3, [16] * 4)}
    data = raws.tiff_of([raws.Directory(tags, pixel * 64 * 48)], order=order)
    result = prepared(data)

    red, green, blue = decoded(result).convert("RGB").getpixel((30, 30))  # type: ignore[misc]
    assert red < 40
    assert min(green, blue) > 200
    assert "only 12 of them are used" in " ".join(result.changes)
