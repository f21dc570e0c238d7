from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import prepare
from shared.core.images.probing import Limits, probe
from shared.core.values import ImageInfo
from tests import hostile_builders as build
from tests.hostile_images import ACCEPTED, EXPECTED, MAX_SIDE_PX, hostile_images

REPOSITORY = Path(__file__).parents[2]
FILES = hostile_images()


def rejection(data: bytes, limits: Limits | None = None) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        probe(data, limits=limits or Limits())
    return caught.value


@pytest.mark.parametrize(
    ("pillow_format", "mime_type", "mode"),
    [
        ("PNG", "image/png", "RGB"),
        ("JPEG", "image/jpeg", "RGB"),
        ("WEBP", "image/webp", "RGB"),
        ("GIF", "image/gif", "P"),
        ("BMP", "image/bmp", "RGB"),
        ("TIFF", "image/tiff", "RGB"),
        ("AVIF", "image/avif", "RGB"),
    ],
)
def test_probing_tells_format_size_and_mode(pillow_format: str, mime_type: str, mode: str) -> None:
    info = probe(build.encode(build.picture(), pillow_format))

    assert info == ImageInfo(64, 48, pillow_format.lower(), mime_type, mode=mode)


@pytest.mark.parametrize(
    ("name", "size", "frames"),
    [("plain", (64, 48), 1), ("rotated", (48, 64), 1), ("pair", (64, 48), 2), ("thumbnail", (128, 96), 1)],
)
def test_a_heic_has_the_size_of_its_upright_picture_and_no_orientation_left(
    name: str, size: tuple[int, int], frames: int
) -> None:
    info = probe(build.heic(name))

    assert (info.format, info.width, info.height, info.orientation, info.frames) == ("heic", *size, 1, frames)


@pytest.mark.fault(48)
@pytest.mark.parametrize("pillow_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_are_read_and_give_the_upright_size(pillow_format: str, orientation: int) -> None:
    info = probe(build.encode(build.picture(), pillow_format, exif=build.exif(orientation)))

    assert info.orientation == orientation
    assert (info.width, info.height) == ((64, 48) if orientation < 5 else (48, 64))
    assert (info.stored_width, info.stored_height) == (64, 48)


@pytest.mark.fault(49)
@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_without_meaning_is_upright_with_a_warning(orientation: int) -> None:
    info = probe(build.encode(build.picture(), "JPEG", exif=build.exif(orientation)))

    assert info.orientation == 1
    assert info.warnings == (f"EXIF orientation {orientation} has no meaning, taken as upright",)


@pytest.mark.fault(49)
def test_unreadable_exif_is_upright_with_a_warning() -> None:
    info = probe(build.with_segment(build.encode(build.picture(), "JPEG"), 0xE1, b"Exif\0\0garbage"))

    assert (info.orientation, info.warnings) == (1, ("EXIF unreadable, taken as upright",))


def test_an_orientation_behind_the_pixels_of_a_png_counts_too() -> None:
    data = build.encode(build.picture(), "PNG")

    info = probe(data[:-12] + build.chunk(b"eXIf", build.exif(6).removeprefix(b"Exif\0\0")) + data[-12:])

    assert (info.orientation, info.width, info.height) == (6, 48, 64)


@pytest.mark.parametrize(("pillow_format", "frames"), [("GIF", 3), ("WEBP", 3), ("PNG", 3), ("TIFF", 3), ("AVIF", 3)])
def test_frames_are_counted(pillow_format: str, frames: int) -> None:
    assert probe(build.animation(pillow_format)).frames == frames


@pytest.mark.fault(46)
def test_counting_frames_stops_at_the_cap() -> None:
    assert probe(build.gif_of_many_frames(10_000), limits=Limits(max_frames=50)).frames == 50


@pytest.mark.fault(57)
def test_a_multi_picture_jpeg_is_a_jpeg_of_one_frame() -> None:
    info = probe(build.multi_picture())

    assert (info.format, info.frames) == ("jpeg", 1)


def test_a_gif_frame_beyond_the_screen_enlarges_the_picture() -> None:
    info = probe(build.gif_with_outlying_frame())

    assert (info.width, info.height) == (64, 48)


def test_a_large_baseline_jpeg_is_within_the_default_limits() -> None:
    info = probe(build.with_jpeg_frame(build.encode(build.picture(), "JPEG"), size=(11_600, 8_700)))

    assert (info.width, info.height) == (11_600, 8_700)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_bytes=100), "too_many_bytes"),
        (Limits(max_pixels=3_071), "too_many_pixels"),
        (Limits(max_side_px=63), "too_many_pixels"),
        (Limits(max_aspect=1), "bad_aspect"),
    ],
)
@pytest.mark.parametrize("pillow_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_each_limit_refuses_each_format(pillow_format: str, limits: Limits, code: str) -> None:
    assert rejection(build.encode(build.picture(), pillow_format), limits).code == code


@pytest.mark.parametrize(
    "limits", [Limits(max_bytes=3_072), Limits(max_pixels=3_072), Limits(max_side_px=64), Limits(max_aspect=2)]
)
def test_an_image_exactly_at_a_limit_passes(limits: Limits) -> None:
    assert probe(build.encode(build.picture(), "JPEG"), limits=limits).width == 64


def test_a_heic_is_refused_for_its_coded_size_before_it_is_decoded() -> None:
    assert rejection(build.claiming_extent(build.heic("plain"), (20_000, 20_000))).code == "too_many_pixels"


def test_a_heic_whose_metadata_has_a_type_outside_utf8_is_probed_as_usual() -> None:
    data = build.heic("rotated").replace(b"Exif", b"\xe9xif", 1)

    assert probe(data).width == 48


@pytest.mark.fault(40)
def test_text_named_as_an_image_is_refused_in_words_for_people() -> None:
    assert rejection(b"just text").message == (
        "Expected an image (PNG, JPEG, WebP, HEIC, HEIF, GIF, BMP, TIFF or AVIF); "
        "the content looks like plain text whatever its name says. Upload the image itself."
    )


@pytest.mark.fault(56)
def test_a_recognised_kind_that_is_not_taken_is_named() -> None:
    error = rejection(b"%PDF-1.7")

    assert error.code == "unsupported_format"
    assert "application/pdf (PDF)" in error.message


@pytest.mark.parametrize(
    "name", [name for name, outcome in EXPECTED.items() if outcome not in {"untouched", "converted"}]
)
def test_every_refusal_says_what_was_expected_and_what_to_do(name: str) -> None:
    with pytest.raises(ImageRejectedError) as caught:
        prepare(FILES[name], probe(FILES[name]), accepted=ACCEPTED, max_side_px=MAX_SIDE_PX)

    message = caught.value.message
    assert message.startswith("Expected ")
    assert message.endswith(".")
    assert message.rsplit(". ", 1)[-1].split()[0] in {"Upload", "Scale", "Save", "Convert", "Export", "Cut"}


@pytest.mark.fault(41, 42)
def test_a_bomb_is_refused_without_any_decoder() -> None:
    script = (
        "import sys; from pathlib import Path; from shared.core.images.probing import probe\n"
        "from shared.core.errors import ImageRejectedError\n"
        "assert 'PIL' not in sys.modules and 'numpy' not in sys.modules\n"
        "try: probe(sys.stdin.buffer.read())\n"
        "except ImageRejectedError as error: print(error.code, 'PIL' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=FILES["png-header-bomb"], capture_output=True, check=True, cwd=REPOSITORY
    )

    assert done.stdout.split() == [b"too_many_pixels", b"False"]


def test_text_that_is_not_compressed_stays_in_a_png() -> None:
    data = build.with_chunk(build.encode(build.picture(), "PNG"), b"tEXt", b"Comment\0" + b"words " * 1_000)

    assert probe(data).mode == "RGB"


@pytest.mark.fault(43)
def test_many_small_text_bombs_are_not_all_inflated() -> None:
    bomb = build.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20), 9))
    data = build.encode(build.picture(), "PNG")

    assert probe(data[:33] + bomb * 2_000 + data[33:]).width == 64


def test_a_long_run_of_fill_bytes_in_a_jpeg_is_walked_in_linear_time() -> None:
    data = build.encode(build.picture(), "JPEG")

    assert rejection(data[:2] + b"\xff" * 5_000_000 + b"\x00" + data[2:]).code == "corrupt"


def test_a_png_with_many_chunks_is_refused() -> None:
    chunks = build.chunk(b"tEXt", b"") * 100_001

    assert rejection(build.png((8, 8), chunks)).code == "corrupt"


def test_the_largest_side_of_a_jpeg_is_allowed_where_its_shape_is_sane() -> None:
    data = build.with_jpeg_frame(build.encode(build.picture(), "JPEG"), size=(65_500, 400))

    assert probe(data).width == 65_500
