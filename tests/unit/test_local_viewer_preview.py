from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from infra.local.viewer.errors import ApiError
from infra.local.viewer.preview import preview

IMAGES = Path(__file__).parents[1] / "images"


def jpeg(size: tuple[int, int], *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = io.BytesIO()
    Image.new("RGB", size, "teal").save(encoded, "JPEG", exif=exif)
    return encoded.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        return picture.size


def test_a_large_picture_is_shown_at_1600_pixels() -> None:
    assert size_of(preview(jpeg((3200, 1600)))) == (1600, 800)


def test_a_small_picture_keeps_its_size() -> None:
    assert size_of(preview(jpeg((40, 30)))) == (40, 30)


def test_a_picture_stands_upright_as_the_boxes_do() -> None:
    assert size_of(preview(jpeg((40, 30), orientation=6))) == (30, 40)


def test_heic_becomes_a_jpeg_that_every_browser_shows() -> None:
    assert size_of(preview((IMAGES / "plain.heic").read_bytes()))[0] > 0


def test_what_is_no_picture_is_refused_in_words() -> None:
    with pytest.raises(ApiError, match="plain text") as refused:
        preview(b"just a few words of plain text")
    assert refused.value.status == 415
