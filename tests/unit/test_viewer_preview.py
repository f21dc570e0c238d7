from __future__ import annotations

import io
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from infra.viewer.errors import ApiError
from infra.viewer.preview import SMALL_SIDE_PX, preview

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


def corners(data: bytes) -> list[str]:
    """Return which quarter of a picture of four colours lies where, row by row."""
    with Image.open(io.BytesIO(data)) as picture:
        width, height = picture.size
        places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
        found = [cast("tuple[int, int, int]", picture.convert("RGB").getpixel(place)) for place in places]
    return ["rgb"[pixel.index(max(pixel))] if max(pixel) > 128 else "k" for pixel in found]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_stored_is_the_grid_of_the_file(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.new("RGB", (64, 48))
    for place, colour in {(0, 0): "red", (32, 0): "lime", (0, 24): "blue"}.items():
        picture.paste(colour, (*place, place[0] + 32, place[1] + 24))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", exif=exif)
    shown = preview(encoded.getvalue(), stored=True)
    assert (size_of(shown), corners(shown)) == ((64, 48), ["r", "g", "b", "k"])


def test_a_card_among_many_gets_a_small_one() -> None:
    assert size_of(preview(jpeg((3200, 1600)), max_side_px=SMALL_SIDE_PX)) == (560, 280)
