"""Quality warnings, held against scikit-image's photos: sharp as they are, and blurred, dim, dark or small."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageFilter
from skimage import data as pictures

from shared.core.images.probing import probe
from shared.core.images.quality import warnings_about
from tests.hostile_images import EXPECTED, hostile_images

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOS = ("astronaut", "camera", "chelsea", "clock", "coffee", "coins", "hubble_deep_field", "moon", "retina", "rocket")
BLURRED = ("no sharp edge in it: blurred, or nothing but smooth shades",)
FORMATS = ({"format": "JPEG", "quality": 85}, {"format": "JPEG", "quality": 30}, {"format": "PNG"}, {"format": "WEBP"})
FILES = hostile_images()
each_photo = pytest.mark.parametrize("name", PHOTOS)
each_format = pytest.mark.parametrize("options", FORMATS, ids=lambda options: "-".join(map(str, options.values())))


@cache
def _photo(name: str) -> Image.Image:
    picture = Image.fromarray(getattr(pictures, name)()).convert("RGB")
    picture.thumbnail((850, 850))  # what is larger than 0.75 megapixels is looked at as baseline JPEG only
    return picture


def _blurred(picture: Image.Image, share: float = 0.01) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(share * max(picture.size)))


def _said(picture: Image.Image, **options: object) -> tuple[str, ...]:
    sink = io.BytesIO()
    picture.save(sink, **({"format": "JPEG"} | options))  # type: ignore[arg-type]
    return warnings_about(sink.getvalue(), probe(sink.getvalue()))


@each_photo
@each_format
def test_a_photo_is_not_warned_about_however_it_is_compressed(name: str, options: dict[str, object]) -> None:
    assert _said(_photo(name), **options) == ()


@each_photo
@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
        lambda picture: picture.point(lambda shade: shade * 0.4),
        lambda picture: picture.point(lambda shade: 100 + shade * 0.25),
    ],
    ids=["half as large", "dim", "pale"],
)
def test_a_small_dim_or_pale_photo_is_not_warned_about(name: str, change: Callable[[Image.Image], Image.Image]) -> None:
    assert _said(change(_photo(name))) == ()


# Of blurred galaxies nothing remains but the noise of the compression, which is sharp.
@pytest.mark.parametrize("name", [name for name in PHOTOS if name != "hubble_deep_field"])
def test_a_photo_blurred_by_a_hundredth_of_its_long_side_is_called_so(name: str) -> None:
    assert _said(_blurred(_photo(name)), quality=85) == BLURRED


@each_photo
def test_a_photo_at_a_tenth_of_its_light_is_called_very_dark(name: str) -> None:
    (warning,) = _said(_photo(name).point(lambda shade: shade // 10))

    assert warning.startswith("very dark: 99 % of it is darker than ")


def test_a_blurred_photo_of_twelve_megapixels_is_cheap_enough_to_be_looked_at() -> None:
    large = _blurred(_photo("coffee")).resize((4000, 2667), Image.Resampling.BICUBIC)

    assert _said(large) == BLURRED


@pytest.mark.parametrize(
    "options", [{"format": "JPEG", "progressive": True}, {"format": "PNG"}, {"format": "WEBP", "quality": 50}]
)
def test_what_must_be_decoded_as_a_whole_is_left_alone_beyond_its_bound(options: dict[str, object]) -> None:
    soft = _blurred(_photo("coffee"))

    assert _said(soft, **options) == BLURRED
    assert _said(soft.resize((1600, 1067)), **options) == ()


def test_a_large_file_is_left_alone() -> None:
    noisy = Image.effect_noise((2500, 2500), 8).point(lambda shade: (shade - 100) // 2)

    assert _said(noisy.resize((500, 500)))[0].startswith("very dark")
    assert _said(noisy, quality=100) == ()


@pytest.mark.parametrize(
    ("shade", "beginning"),
    [(0, "very dark: "), (39, "very dark: "), (120, "hardly any contrast"), (255, "very bright: ")],
)
def test_a_picture_of_one_shade_is_called_what_it_is(shade: int, beginning: str) -> None:
    (warning,) = _said(Image.new("L", (200, 100), shade))

    assert warning.startswith(beginning)


def test_a_white_page_with_a_few_words_is_fine() -> None:
    page = Image.new("L", (600, 800), 255)
    page.paste(Image.fromarray(pictures.page()).resize((96, 48)), (40, 40))

    assert _said(page) == ()


@pytest.mark.parametrize(("size", "tiny"), [((63, 63), True), ((64, 20), False), ((1, 1), True)])
def test_an_icon_is_called_tiny(size: tuple[int, int], tiny: bool) -> None:
    checked = Image.effect_noise(size, 80)

    assert _said(checked) == ((f"tiny: {size[0]}x{size[1]} pixels show little",) if tiny else ())


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_picture_with_transparency_is_left_alone(mode: str) -> None:
    assert _said(Image.new(mode, (200, 100)), format="PNG") == ()


def test_a_picture_that_no_decoder_can_read_is_warned_about_and_not_refused() -> None:
    damaged = FILES["png-damaged-stream"]

    (warning,) = warnings_about(damaged, probe(damaged))

    assert warning.startswith("its quality could not be looked at: Expected a readable PNG file")


@pytest.mark.parametrize("name", [name for name, outcome in EXPECTED.items() if outcome in {"untouched", "converted"}])
def test_no_hostile_image_that_is_accepted_fails_for_its_quality(name: str) -> None:
    quality = warnings_about(FILES[name], probe(FILES[name]))

    assert not [warning for warning in quality if "could not" in warning]
