"""The first bytes of a file say whether the model can take it as it is, and never more than the whole file would."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.probing import HEAD_BYTES, Limits, probe, probe_head
from tests.hostile_images import EXPECTED, hostile_images
from tests.rig import picture


def _saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, image_format, **options)
    return sink.getvalue()


def _large(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    """Return a picture whose file is longer than its head."""
    noise = Image.effect_noise((700, 500), 90).convert(mode)
    return _saved(noise, image_format, **options)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 100}),
    ],
)
def test_a_head_tells_the_same_as_the_whole_file(mode: str, image_format: str, options: dict[str, object]) -> None:
    data = _large(image_format, mode, **options)

    found, whole = probe_head(data[:HEAD_BYTES], max_side_px=8192), probe(data)

    assert found is not None
    assert (found.width, found.height, found.mime_type) == (whole.width, whole.height, whole.mime_type)
    assert (found.format, found.orientation, found.frames) == (whole.format, 1, 1)


@pytest.fixture(scope="module", name="hostile")
def _hostile() -> dict[str, bytes]:
    return hostile_images()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_hostile_head_never_tells_another_size_than_its_whole_file(hostile: dict[str, bytes], name: str) -> None:
    data = hostile[name]
    try:
        found, whole = probe_head(data[:HEAD_BYTES], max_side_px=8192), probe(data)
    except ImageRejectedError:
        return
    assert found is None or (found.width, found.height, found.orientation) == (whole.width, whole.height, 1)
    assert found is None or (found.mime_type, whole.orientation, whole.frames) == (whole.mime_type, 1, 1)


def _turned() -> bytes:
    return picture(orientation=6)


def _turned_png() -> bytes:
    return picture(image_format="PNG", orientation=8)


def _turned_webp() -> bytes:
    return picture(image_format="WEBP", orientation=3)


def _cmyk() -> bytes:
    return _saved(Image.new("CMYK", (40, 30)), "JPEG")


def _sixteen_bits() -> bytes:
    return _saved(Image.new("I;16", (40, 30)), "PNG")


def _animated(image_format: str) -> bytes:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    return _saved(frames[0], image_format, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_turned(), id="EXIF turns a JPEG"),
        pytest.param(_turned_png(), id="EXIF turns a PNG"),
        pytest.param(_turned_webp(), id="EXIF turns a WebP"),
        pytest.param(_cmyk(), id="CMYK"),
        pytest.param(_sixteen_bits(), id="16 bit"),
        pytest.param(_animated("PNG"), id="APNG"),
        pytest.param(_animated("WEBP"), id="animated WebP"),
        pytest.param(picture(image_format="GIF"), id="GIF"),
        pytest.param(picture(image_format="TIFF"), id="TIFF"),
        pytest.param(picture()[:30], id="too little of a JPEG"),
        pytest.param(picture(image_format="PNG")[:30], id="too little of a PNG"),
        pytest.param(picture(image_format="WEBP")[:25], id="too little of a WebP"),
        pytest.param(b"a shopping list", id="text"),
    ],
)
def test_whatever_may_need_work_is_left_to_the_whole_file(data: bytes) -> None:
    assert probe_head(data, max_side_px=8192) is None


def test_an_image_too_long_to_be_sent_as_it_is_is_left_to_the_whole_file() -> None:
    assert probe_head(picture(800, 600), max_side_px=799) is None


def test_an_image_of_too_many_pixels_is_refused_without_reading_on() -> None:
    with pytest.raises(ImageRejectedError, match="100,000 pixels"):
        probe_head(picture(800, 600), max_side_px=8192, limits=Limits(max_pixels=100_000))


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP"]),
    st.binary(max_size=200),
    st.integers(0, 300),
)
def test_no_bytes_break_it(signature: bytes, rest: bytes, cut: int) -> None:
    with contextlib.suppress(ImageRejectedError):
        probe_head((signature + rest)[:cut], max_side_px=8192)
