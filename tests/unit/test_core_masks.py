from __future__ import annotations

import json
import struct
import zlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from shared.core.masks.allowance import MaskAllowance
from shared.core.masks.polygon import Polygon, draw
from shared.core.masks.reading import bounds_of_polygon, read_mask
from shared.core.values import Mask
from tests.mask_bits import packed, pixels_of
from tests.mask_values import CENTRE, data_url, mask_of, png
from tests.strategies import boxes, odd_masks

NO_FIT = "expected a mask that fits its box, found a polygon that hardly overlaps it"

outlines = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=3, max_size=9)


def left_half() -> Image.Image:
    """256x256, the left half set: what a mask of a real answer looks like."""
    picture = Image.new("L", (256, 256))
    picture.paste(255, (0, 0, 128, 256))
    return picture


def transparent(colour: int) -> Image.Image:
    return Image.merge("LA", [Image.new("L", (256, 256), colour), left_half()])


def sixteen_bits() -> Image.Image:
    dark_right = np.where(np.asarray(left_half()) > 0, 40_000, 300).astype(np.uint16)
    return Image.fromarray(dark_right)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def raw_png(width: int, height: int, *, rows: bytes, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.fault(77)
@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(left_half(), id="L"),
        pytest.param(left_half().convert("1"), id="1"),
        pytest.param(left_half().convert("P"), id="P"),
        pytest.param(left_half().convert("RGB"), id="RGB"),
        pytest.param(left_half().convert("RGBA"), id="RGBA"),
        pytest.param(transparent(255), id="white on transparent"),
        pytest.param(transparent(0), id="black on transparent"),
        pytest.param(transparent(255).convert("RGBA"), id="RGBA, white on transparent"),
        pytest.param(sixteen_bits(), id="16 bits"),
    ],
)
def test_a_png_of_any_mode_fills_its_box(picture: Image.Image) -> None:
    mask = mask_of(data_url(png(picture)))
    assert (mask.status, mask.source, mask.reason) == ("ok", "png", None)
    assert mask.box_px == (200, 100, 600, 300)
    assert mask.area_px == 200 * 200
    assert pixels_of(mask)[:, :199].min() == 255
    assert pixels_of(mask)[:, 201:].max() == 0


def test_a_palette_with_a_transparent_colour_is_a_mask() -> None:
    palette = Image.new("P", (16, 16), 1)
    palette.putpalette([255, 255, 255, 0, 0, 0])
    palette.paste(0, (0, 0, 8, 16))
    assert mask_of(data_url(png(palette, transparency=1))).area_px == 200 * 200


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda text: text, id="whole"),
        pytest.param(lambda text: text.removeprefix("data:image/png;base64,"), id="no prefix"),
        pytest.param(lambda text: text.replace("image/png", "image/jpeg"), id="prefix of a JPEG"),
        pytest.param(lambda text: text.replace("image/png;base64", "image/png;charset=utf-8;base64"), id="parameter"),
        pytest.param(lambda text: text.replace("data:image", "DATA:IMAGE"), id="capitals"),
        pytest.param(lambda text: text[:60] + "\n" + text[60:] + "\n", id="line breaks"),
        pytest.param(lambda text: text.rstrip("="), id="no padding"),
    ],
)
def test_the_prefix_of_a_png_does_not_matter(wrap: Any) -> None:
    text = next(text for n in range(9) if (text := data_url(png(left_half(), text_=None) + b"x" * n)).endswith("="))
    assert mask_of(wrap(text)).area_px == 200 * 200


@pytest.mark.fault(77)
def test_a_mask_is_resized_bilinearly_and_cut_above_127() -> None:
    picture = Image.new("L", (2, 1))
    picture.putpixel((1, 0), 255)
    expected = np.asarray(picture.resize((400, 200), Image.Resampling.BILINEAR)) > 127
    assert np.array_equal(pixels_of(mask_of(data_url(png(picture)))) == 255, expected)


def test_a_box_of_many_pixels_repeats_those_of_a_resize_to_at_least_1024() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (40, 60), dtype=np.uint8)
    value = data_url(png(Image.fromarray(noise)))
    mask = read_mask(value, box=(0, 0, 1000, 1000), box_px=(0, 0, 4001, 2100), width=4001, height=2100)
    resized = Image.fromarray(noise).resize((1334, 1050), Image.Resampling.BILINEAR)  # a third and a half
    expected = (np.asarray(resized) > 127).repeat(3, axis=1).repeat(2, axis=0)[:, :4001]
    assert np.array_equal(pixels_of(mask) == 255, expected)


def test_a_large_mask_in_a_large_box_keeps_its_own_pixels() -> None:
    noise = np.random.default_rng(5).integers(0, 2, (3, 2048), dtype=np.uint8) * np.uint8(255)
    value = data_url(png(Image.fromarray(noise)))
    mask = read_mask(value, box=(0, 0, 1000, 1000), box_px=(0, 0, 4096, 3), width=4096, height=3)
    assert np.array_equal(pixels_of(mask), noise.repeat(2, axis=1))


@pytest.mark.fault(75, 76, 79)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no mask in the answer"),
        ("gimme_mask_for_this", "expected a mask, found a placeholder: 'gimme_mask_for_this'"),
        ("", "expected a mask, found a placeholder: ''"),
        ("<seg_1><seg_2>", "segmentation tokens: the codebook that decodes them is not public"),
        ("<start_of_mask>", "segmentation tokens: the codebook that decodes them is not public"),
        ("Pj4+" * 100, "expected a mask, found 400 characters of other text (a loop of the model?)"),
        ("data:image/png;base64," + "Pj4+" * 100, "expected a PNG, found 300 bytes of something else"),
        ("data:image/png;base64,iVBORw0KGgo$", "expected a PNG in base64, found damaged base64 (12 characters)"),
        ("data:image/png;base64,iVBO=Rw0", "expected a PNG in base64, found damaged base64 (8 characters)"),
        ("data:image/png;base64,\u00e9", "expected a PNG in base64, found damaged base64 (1 characters)"),
        ("data:image/png;base64,", "expected a PNG, found 0 bytes of something else"),
        (7, "expected a mask, found a single value"),
        (True, "expected a mask, found a single value"),
        ([True, False, True], "expected a polygon, found a list of true and false"),
        ([], "expected a polygon, found 0 vertices: too few"),
        ({}, "expected a polygon, found something nested more deeply or no list at all"),
        ([[[[[[1, 2]]]]]], "expected a polygon, found something nested more deeply or no list at all"),
        ([[1, 2], [3, 4]], "expected a polygon, found 2 vertices: too few"),
        ([1, 2, 3, 4, 5], "expected pairs of numbers, found 5 numbers"),
        ([[1, 2], [3, float("nan")], [5, 6]], "expected pairs of finite numbers, found something else among them"),
        ([[1, 2, 3], [4, 5, 6]], "expected pairs of finite numbers, found something else among them"),
        ([[1, 2], [3, 4], [5, "x"]], "expected pairs of finite numbers, found something else among them"),
        ([{"x": 1}, {"x": 2}, {"x": 3}], "expected pairs of finite numbers, found something else among them"),
        ([[0, 1, 1, 0], [1, 1, 0, 0]], "expected a polygon in 0-1000, found nothing but 0 and 1: a bitmap"),
        ([[7, 7], [7, 7], [7, 7]], "expected a polygon, found 3 times the same point"),
        ([[1, 2]] * 4001, "expected a polygon, found 4001 vertices in 1 rings"),
        ([CENTRE] * 33, "expected a polygon, found 132 vertices in 33 rings"),
        ([[900, 900], [950, 900], [950, 950]], NO_FIT),
        ([[0.1, 0.2], [0.5, 0.2], [0.3, 0.9]], NO_FIT),
        ("1,2," * 20_000, "expected a mask, found 80000 characters of other text (a loop of the model?)"),
    ],
)
def test_what_is_no_mask_is_unavailable_with_a_reason_and_keeps_its_box(value: Any, reason: str) -> None:
    mask = mask_of(value)
    assert (mask.status, mask.source, mask.bitmap, mask.area_px) == ("unavailable", None, b"", 0)
    assert mask.reason == reason
    assert mask.box_px == (200, 100, 600, 300)


@pytest.mark.fault(76, 77, 78, 79)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(png(left_half())[:-12], "expected a whole PNG, found one that is cut off or damaged", id="no end"),
        pytest.param(
            png(left_half())[:60], "expected a whole PNG, found one that is cut off or damaged", id="half a chunk"
        ),
        pytest.param(b"\x89PNG\r\n\x1a\n", "expected a PNG, found one with a damaged header", id="signature only"),
        pytest.param(
            raw_png(4, 8, rows=bytes(5) * 3),
            "expected a whole PNG, found one with missing or surplus rows",
            id="rows missing",
        ),
        pytest.param(
            raw_png(4, 8, rows=bytes(5) * 9),
            "expected a whole PNG, found one with missing or surplus rows",
            id="rows to spare",
        ),
        pytest.param(
            raw_png(8, 8, rows=b"", interlace=1),
            "expected a plain PNG, found an interlaced or unknown kind",
            id="Adam7",
        ),
        pytest.param(
            raw_png(8, 8, rows=b"", colour=5),
            "expected a plain PNG, found an interlaced or unknown kind",
            id="colour 5",
        ),
        pytest.param(
            raw_png(60_000, 60_000, rows=bytes(9)),
            "expected at most 4194304 pixels in a mask, found 60000x60000",
            id="bomb",
        ),
        pytest.param(raw_png(0, 8, rows=b""), "expected at most 4194304 pixels in a mask, found 0x8", id="no pixels"),
        pytest.param(raw_png(8, 8, rows=bytes(72)), "the png mask covers no pixel of its box", id="nothing set"),
        pytest.param(
            raw_png(8, 8, rows=b"\x09" * 72), "expected a PNG, found one that no decoder reads", id="unknown filter"
        ),
        pytest.param(
            raw_png(8, 8, rows=bytes(72), colour=3),
            "expected a PNG, found one with a palette of 0 bytes",
            id="no palette",
        ),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(40), "expected a PNG, found 44 bytes of something else", id="JPEG"),
    ],
)
def test_a_png_that_is_damaged_or_too_large_is_unavailable(data: bytes, reason: str) -> None:
    mask = mask_of(data_url(data))
    assert (mask.status, mask.reason) == ("unavailable", reason)


def test_a_damaged_pixel_is_noticed() -> None:
    data = bytearray(png(left_half()))
    data[60] ^= 0xFF
    assert mask_of(data_url(bytes(data))).status == "unavailable"


@pytest.mark.fault(78)
def test_a_bomb_is_refused_by_its_header_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", None)
    monkeypatch.setattr(zlib, "decompressobj", None)
    assert mask_of(data_url(raw_png(30_000, 30_000, rows=bytes(9)))).status == "unavailable"


@pytest.mark.fault(78)
def test_text_chunks_of_a_png_never_reach_the_decoder() -> None:
    clean = png(left_half())
    hostile = (
        clean[:33] + chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**6))) + chunk(b"zTXt", b"\0" * 9) + clean[33:]
    )
    assert mask_of(data_url(hostile)) == mask_of(data_url(clean))


@pytest.mark.parametrize(
    ("value", "notes"),
    [
        pytest.param(CENTRE, (), id="pairs"),
        pytest.param([number for pair in CENTRE for number in pair], (), id="flat"),
        pytest.param([CENTRE], (), id="a ring"),
        pytest.param([[300, 150, 500, 150], [500, 250, 300, 250]], (), id="chunks"),
        pytest.param([[300, 150], [500, 150, 500, 250], [300, 250]], (), id="uneven chunks"),
        pytest.param("300,150,500,150,500,250,300,250", (), id="text"),
        pytest.param("(300, 150) (500, 150) (500, 250) (300, 250)", (), id="text with brackets"),
        pytest.param(json.dumps(CENTRE), (), id="JSON in text"),
        pytest.param([{"x": x, "y": y} for x, y in CENTRE], (), id="named"),
        pytest.param([[{"x": x, "y": y} for x, y in CENTRE]], (), id="a named ring"),
        pytest.param({"polygon": CENTRE}, (), id="wrapped"),
        pytest.param({"points": [{"x": x, "y": y} for x, y in CENTRE]}, (), id="wrapped and named"),
        pytest.param([[str(x), str(y)] for x, y in CENTRE], (), id="numbers as text"),
        pytest.param([[float(x), float(y)] for x, y in CENTRE], (), id="floats"),
        pytest.param([[y, x] for x, y in CENTRE], ("polygon_yx",), id="axes swapped"),
        pytest.param([number for x, y in CENTRE for number in (y, x)], ("polygon_yx",), id="flat, axes swapped"),
    ],
)
def test_a_polygon_in_any_spelling_is_drawn_inside_its_box(value: Any, notes: tuple[str, ...]) -> None:
    mask = mask_of(value)
    assert (mask.status, mask.source, mask.notes) == ("ok", "polygon", notes)
    inside = pixels_of(mask)
    assert inside[52:149, 102:299].min() == 255
    assert inside[:48].max() == inside[152:].max() == inside[:, :98].max() == inside[:, 302:].max() == 0


def test_a_polygon_relative_to_its_box_is_put_into_it() -> None:
    mask = mask_of([[0, 0], [1000, 0], [1000, 1000], [0, 1000]])
    assert (mask.area_px, mask.notes) == (200 * 400, ("polygon_in_box",))


def test_a_polygon_that_fits_both_ways_is_read_as_documented() -> None:
    square = (100, 100, 300, 300)
    mask = mask_of([[100, 100], [300, 100], [100, 300]], square)
    assert mask.notes == ()
    assert pixels_of(mask)[10, 150] == 255


def test_named_vertices_are_never_swapped() -> None:
    mask = mask_of([{"x": y, "y": x} for x, y in CENTRE])
    assert "polygon_yx" not in mask.notes


def test_a_polygon_that_leaves_its_box_is_clipped_to_it() -> None:
    mask = mask_of([[150, 50], [700, 50], [700, 350], [150, 350]])
    assert (mask.box_px, mask.area_px) == ((200, 100, 600, 300), 400 * 200)


def test_a_polygon_beyond_the_image_is_clamped_and_noted() -> None:
    mask = mask_of([[-50, 0], [1000, 0], [1000, 1200], [0, 1000]], (0, 0, 1000, 1000))
    assert mask.notes == ("polygon_clamped",)
    assert mask.area_px == 1_000_000


def test_a_second_ring_cuts_a_hole() -> None:
    outer = [[200, 100], [600, 100], [600, 300], [200, 300]]
    mask = mask_of([outer, CENTRE])
    assert pixels_of(mask)[100, 200] == 0
    assert pixels_of(mask)[10, 10] == 255


def test_two_polygons_that_share_an_edge_share_no_pixel_and_leave_none_out() -> None:
    box = (100, 200, 104, 204)
    upper = pixels_of(mask_of([[200, 100], [204, 100], [200, 104]], box)) // 255
    lower = pixels_of(mask_of([[204, 100], [204, 104], [200, 104]], box)) // 255
    assert upper.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert (upper + lower).tolist() == [[1, 1, 1, 1]] * 4


@pytest.mark.parametrize(
    ("line", "area"),
    [
        pytest.param([[200, 100], [600, 100], [400, 100]], 400, id="level"),
        pytest.param([[250, 100], [250, 300], [250, 200]], 200, id="upright"),
        pytest.param([[200, 100], [400, 300], [300, 200]], 200, id="slanting"),
    ],
)
def test_what_is_thinner_than_a_pixel_keeps_its_outline(line: list[list[float]], area: int) -> None:
    assert (mask_of(line).status, mask_of(line).area_px) == ("ok", area)


def test_what_is_smaller_than_a_pixel_is_one() -> None:
    assert mask_of([[300.1, 150.1], [300.4, 150.1], [300.2, 150.4]], (150, 300, 151, 301)).area_px == 1


@given(st.lists(outlines, min_size=1, max_size=3), boxes())
def test_a_polygon_holds_exactly_the_pixels_whose_centres_are_inside(rings: list[Any], box: list[int]) -> None:
    ymin, xmin, ymax, xmax = box[0] % 30, box[1] % 30, box[0] % 30 + 1 + box[2] % 30, box[1] % 30 + 1 + box[3] % 30
    polygon = Polygon(tuple(np.array(ring, dtype=np.float64) for ring in rings), fit=1.0)
    box_px = (xmin, ymin, xmax, ymax)
    mask = Mask("ok", "polygon", box_px, bitmap=draw(polygon, box_px, size=(1000, 1000), allowance=MaskAllowance()))
    expected = [[is_inside(x, y, rings) for x in range(xmin, xmax)] for y in range(ymin, ymax)]
    assume(np.any(expected))
    assert (pixels_of(mask) == 255).tolist() == expected


def is_inside(column: int, row: int, rings: list[list[tuple[int, int]]]) -> bool:
    """Whether the centre of a pixel is inside by the even-odd rule, in exact numbers."""
    x, y = column + Fraction(1, 2), row + Fraction(1, 2)
    above = 0
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
            if min(x0, x1) <= x < max(x0, x1):
                above += y0 + (x - x0) * (y1 - y0) / (x1 - x0) <= y
    return above % 2 == 1


@pytest.mark.fault(79)
@pytest.mark.parametrize("value", [CENTRE, data_url(png(left_half()))])
def test_a_mask_without_a_box_has_no_place(value: Any) -> None:
    mask = mask_of(value, None)
    assert (mask.status, mask.reason) == ("unavailable", "a mask without a box has no place in the image")


@pytest.mark.parametrize(
    ("value", "box"),
    [
        (CENTRE, (150, 300, 250, 500)),
        ([[0.5, 10.5], [20.2, 10.5], [20.2, 30.9]], (10.5, 0.5, 30.9, 20.2)),
        ([[5, 5], [5, 9], [5, 7]], None),
        ([[1, 2]], None),
        (data_url(b""), None),
        ("sofa", None),
        (None, None),
    ],
)
def test_only_a_polygon_with_an_area_gives_a_box(value: Any, box: tuple[float, ...] | None) -> None:
    assert bounds_of_polygon(value) == box


@given(odd_masks, boxes())
def test_whatever_is_read_as_a_mask_has_one_bit_per_pixel_of_its_box_and_padding_of_zeros(
    value: Any, box: list[int]
) -> None:
    mask = mask_of(value, (box[0], box[1], box[2], box[3]))
    if mask.status == "unavailable":
        assert mask.reason
    else:
        assert mask.bitmap == packed(pixels_of(mask))
        assert mask.area_px == int((pixels_of(mask) == 255).sum()) > 0
