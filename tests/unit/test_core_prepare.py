from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare, warnings_about_detail, written_size
from shared.core.images.probing import probe
from shared.core.images.structure import Structure
from shared.core.values import ImageInfo, PreparedImage
from tests import hostile_builders as build
from tests.hostile_images import ACCEPTED, hostile_images
from tests.prepared_images import UPRIGHT_CORNERS, assert_alike, corners, decoded, prepared, upright

FILES = hostile_images()


@pytest.mark.parametrize("pillow_format", ["PNG", "JPEG", "WEBP"])
def test_an_ordinary_image_is_sent_byte_for_byte(pillow_format: str) -> None:
    data = build.encode(build.picture(), pillow_format)

    assert prepared(data) == PreparedImage(data, f"image/{pillow_format.lower()}", 64, 48, ())


@pytest.mark.fault(51)
@pytest.mark.parametrize(("name", "size"), [("plain", (64, 48)), ("rotated", (48, 64)), ("thumbnail", (128, 96))])
def test_a_heic_is_sent_byte_for_byte(name: str, size: tuple[int, int]) -> None:
    assert prepared(build.heic(name)) == PreparedImage(build.heic(name), "image/heic", *size, ())


def test_a_heif_is_sent_byte_for_byte() -> None:
    assert prepared(build.heif("plain")) == PreparedImage(build.heif("plain"), "image/heif", 64, 48, ())


def test_a_file_is_untouched_up_to_the_side_that_the_model_takes() -> None:
    data = build.encode(build.picture(), "PNG")

    assert prepared(data, max_side_px=64).changes == ()
    assert prepared(data, max_side_px=63).changes[0] == "shrunk from 64x48 to 63x47"


def test_what_the_model_does_not_take_is_converted() -> None:
    result = prepared(build.encode(build.picture(), "PNG"), accepted=frozenset({"image/jpeg"}))

    assert (result.mime_type, result.changes) == ("image/jpeg", ("converted from PNG to JPEG, without metadata",))
    assert_alike(corners(decoded(result)), UPRIGHT_CORNERS, tolerance=6)


@pytest.mark.fault(48)
@pytest.mark.parametrize("pillow_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_are_turned_upright_once(pillow_format: str, orientation: int) -> None:
    data = build.encode(build.picture(), pillow_format, exif=build.exif(orientation))
    expected = build.picture()
    expected.getexif()[0x0112] = orientation

    image = upright(data)

    assert_alike(corners(image), corners(ImageOps.exif_transpose(expected)), tolerance=40)
    assert image.size == ((64, 48) if orientation < 5 else (48, 64))


@pytest.mark.fault(48)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_jpeg_says_so_and_has_no_orientation_left(orientation: int) -> None:
    result = prepared(build.encode(build.picture(), "JPEG", exif=build.exif(orientation)))

    assert result.changes == (
        f"turned upright (EXIF orientation {orientation})",
        "encoded again as JPEG, without metadata",
    )
    assert decoded(result).getexif() == {}
    assert (result.width, result.height) == decoded(result).size


def test_a_rotated_heic_is_turned_once() -> None:
    image = upright(build.heic("rotated"))

    assert image.size == (48, 64)
    assert_alike(corners(image), [build.BLUE, build.RED, build.PALE, build.GREEN], tolerance=6)


@pytest.mark.fault(60)
def test_the_place_where_a_picture_was_taken_is_not_sent_on() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.6)
    result = prepared(build.encode(build.picture(), "JPEG", exif=exif.tobytes(), comment=b"secret"))

    assert b"Exif" not in result.data
    assert b"secret" not in result.data


@pytest.mark.fault(46)
@pytest.mark.parametrize("pillow_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_sent(pillow_format: str) -> None:
    result = prepared(build.animation(pillow_format))

    assert result.changes[0] == "first of 3 frames"
    assert_alike(corners(decoded(result)), UPRIGHT_CORNERS, tolerance=12)


@pytest.mark.fault(43)
def test_oversized_metadata_is_left_out() -> None:
    assert prepared(FILES["png-text-bomb"]).changes[0] == "oversized metadata left out"


@pytest.mark.fault(38)
def test_missing_rows_are_refused_in_an_interlaced_png_too() -> None:
    rows = zlib.compress(b"\0" * 40)
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 1)
    data = build.PNG_SIGNATURE + build.chunk(b"IHDR", header) + build.chunk(b"IDAT", rows) + build.chunk(b"IEND", b"")

    with pytest.raises(ImageRejectedError, match="holds 19 % of its rows"):
        prepared(data)


def test_a_whole_interlaced_png_is_untouched() -> None:
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    rows = b"".join((b"\0" + b"\x40" * (3 * columns)) * count for columns, count in passes)
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 1)
    body = build.chunk(b"IHDR", header) + build.chunk(b"IDAT", zlib.compress(rows)) + build.chunk(b"IEND", b"")

    assert prepared(build.PNG_SIGNATURE + body).changes == ()


def test_shrinking_in_strips_gives_the_same_pixels_as_shrinking_at_once() -> None:
    noise = Image.effect_noise((3_000, 1_700), 90).convert("RGB")

    image = upright(build.encode(noise, "PNG", compress_level=1), max_side_px=700)

    expected = noise.resize((700, 397), Image.Resampling.LANCZOS)
    difference = ImageChops.difference(image, expected).convert("L").getextrema()
    assert difference in {(0, 0), (0, 1)}


@pytest.mark.fault(54)
def test_no_side_is_ever_shrunk_to_nothing() -> None:
    assert upright(build.encode(Image.new("L", (10_000, 60)), "PNG"), max_side_px=4).size == (52, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 8), st.integers(1, 200))
def test_size_and_shape_hold_for_every_orientation(width: int, height: int, orientation: int, side: int) -> None:
    narrow = max(width, height) > 200 * min(width, height)
    data = build.encode(Image.new("RGB", (width, height), (9, 9, 9)), "JPEG", exif=build.exif(orientation))
    if narrow:
        with pytest.raises(ImageRejectedError):
            probe(data)
        return
    info = probe(data)

    result = prepare(data, info, accepted=ACCEPTED, max_side_px=side)

    assert decoded(result).size == ((result.width, result.height) if result.changes else (width, height))
    assert min(result.width, result.height) >= 1
    assert (result.width - 0.5) * (result.height - 0.5) <= side**2 or min(result.width, result.height) == 1
    assert max(result.width, result.height) >= min(side, max(width, height))
    if max(width, height) <= 2 * min(width, height):
        assert max(result.width, result.height) == min(side, max(width, height))


@given(st.integers(1, 66_000), st.integers(1, 200), st.integers(1, 4_000))
def test_every_shape_keeps_its_aspect_and_enough_pixels_to_be_read(short: int, aspect: int, side: int) -> None:
    long = short * aspect
    width, height = written_size(short, long, side)

    assert written_size(long, short, side) == (height, width)
    assert 1 <= width <= short
    assert (width - 0.5) * (height - 0.5) <= side**2 or width == 1
    assert width >= min(short, side // 2, round(0.95 * side / aspect**0.5))


@pytest.mark.parametrize(
    ("size", "written"),
    [
        ((4_000, 3_000), (3_072, 2_304)),
        ((10_000, 5_000), (3_072, 1_536)),
        ((1_080, 20_000), (714, 13_220)),
        ((16_382, 3_628), (6_528, 1_446)),
    ],
)
def test_long_pictures_are_bounded_by_their_pixels(size: tuple[int, int], written: tuple[int, int]) -> None:
    assert written_size(*size, 3_072) == written


def test_a_panorama_in_heic_is_taken_like_any_other() -> None:
    data = (build.IMAGES / "bounds" / "heic-panorama-16382x3628.heic").read_bytes()

    assert upright(data, max_side_px=300).size == (637, 141)


@pytest.mark.parametrize(
    ("size", "said"),
    [((8_000, 1_000), False), ((8_200, 600), False), ((10_000, 7_500), True), ((1_080, 20_000), False)],
)
def test_a_loss_that_matters_is_warned_of(size: tuple[int, int], said: bool) -> None:
    info = ImageInfo(*size, "png", "image/png")
    warnings = warnings_about_detail(
        info, Structure(width=size[0], height=size[1]), accepted=ACCEPTED, max_side_px=3_072, as_is_side_px=8_192
    )

    assert bool(warnings) == said
    assert not warnings or "small text and details may be lost" in warnings[0]


def test_a_picture_may_travel_as_it_is_although_it_would_be_written_smaller() -> None:
    data = build.encode(build.picture(), "JPEG")
    info = probe(data)

    whole = prepare(data, info, accepted=ACCEPTED, max_side_px=8, as_is_side_px=8192)
    written = prepare(data, info, accepted=frozenset(), max_side_px=8, as_is_side_px=8192)

    assert whole.data == data
    assert max(written.width, written.height) == 8
