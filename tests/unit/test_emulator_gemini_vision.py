from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from infra.emulators.gemini.vision.analyzer import analyze
from infra.emulators.gemini.vision.colours import brightness, colour_name, kind, tones
from infra.emulators.gemini.vision.contours import MAX_POINTS, box_of, mask_png, polygon_of
from infra.emulators.gemini.vision.picture import UnreadableImageError, read_picture
from tests.hostile_builders import heic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]


def encoded(image: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> Bools:
    mask = np.zeros((height, width), dtype=bool)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


def painted(outline: tuple[tuple[int, int], ...], height: int, width: int) -> Bools:
    canvas = Image.new("1", (width, height))
    ImageDraw.Draw(canvas).polygon([(x * width / 1000, y * height / 1000) for x, y in outline], fill=1)
    return np.asarray(canvas)


def agreement(one: Bools, other: Bools) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_the_box_of_a_mask_is_in_thousandths_rows_first() -> None:
    assert box_of(rectangle(100, 200, (10, 20, 30, 60))) == (100, 100, 300, 300)


def test_a_mask_that_fills_the_picture_has_the_whole_box_and_outline() -> None:
    everything = rectangle(50, 70, (0, 0, 50, 70))
    assert box_of(everything) == (0, 0, 1000, 1000)
    assert agreement(painted(polygon_of(everything), 50, 70), everything) > 0.97


def test_one_pixel_has_an_outline() -> None:
    assert len(polygon_of(rectangle(100, 100, (40, 40, 41, 41)))) >= 3


def test_the_outline_of_a_disc_is_short_and_close() -> None:
    rows, columns = np.ogrid[:200, :300]
    disc = (rows - 100) ** 2 + (columns - 150) ** 2 < 80**2
    outline = polygon_of(disc)
    assert len(outline) <= 40
    assert agreement(painted(outline, 200, 300), disc) > 0.96


def test_a_ragged_outline_is_rounded_until_it_is_short_enough() -> None:
    noise = np.random.default_rng(1).random((150, 150)) > 0.3
    ragged = rectangle(150, 150, (20, 20, 130, 130)) & noise
    outline = polygon_of(ragged)
    ymin, xmin, ymax, xmax = box_of(ragged)
    assert 3 <= len(outline) <= MAX_POINTS
    assert all(xmin <= x <= xmax and ymin <= y <= ymax for x, y in outline)


def test_a_mask_png_has_the_form_gemini_2_sends() -> None:
    mask = rectangle(90, 120, (10, 10, 70, 90))
    mask[10:40, 10:50] = False
    image = Image.open(io.BytesIO(mask_png(mask)))
    pixels = np.asarray(image)
    assert (image.size, image.mode, image.format) == ((256, 256), "L", "PNG")
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels[:120, :120].max() == 0
    assert pixels[136:].min() == 255


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 0, 0), "bright red"),
        ((0, 0, 255), "bright blue"),
        ((0, 128, 0), "bright green"),
        ((255, 165, 0), "bright orange"),
        ((255, 255, 0), "bright yellow"),
        ((20, 30, 80), "dark blue"),
        ((101, 67, 33), "brown"),
        ((245, 222, 179), "beige"),
        ((128, 0, 128), "dark purple"),
        ((255, 192, 203), "pale pink"),
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
    ],
)
def test_colours_have_the_names_people_give_them(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_name(np.array(rgb)) == name


def test_a_picture_is_described_by_tone_kind_and_light() -> None:
    flag = np.zeros((60, 90, 3), dtype=np.uint8)
    flag[:40], flag[40:] = (250, 250, 250), (255, 0, 0)
    assert (tones(flag), kind(flag), brightness(flag)) == (("white", "bright red"), "graphic", "bright")


def test_a_greyscale_photo_is_one() -> None:
    assert kind(read_picture(encoded(Image.fromarray(data.camera()))).rgb) == "black-and-white photo"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP"])
def test_every_exif_orientation_is_turned_upright(image_format: str, orientation: int) -> None:
    upright = Image.new("RGB", (120, 80), "white")
    upright.paste("red", (0, 0, 60, 40))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(encoded(upright.transpose(undo) if undo is not None else upright, image_format, exif=exif))
    assert (picture.width, picture.height, picture.rgb.shape) == (120, 80, (80, 120, 3))
    assert picture.rgb[20, 30, 1] < 60
    assert picture.rgb[60, 90, 1] > 200


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
def test_every_mode_of_pixels_is_read(mode: str) -> None:
    picture = read_picture(encoded(Image.new("RGB", (9, 9), "white").convert(mode)))
    assert picture.rgb.min() == 255


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    middle = Image.fromarray(np.full((9, 9), 0x8000, dtype=np.uint16))
    assert read_picture(encoded(middle)).rgb.max() == 128


def test_a_large_picture_is_shrunk_and_keeps_its_true_size() -> None:
    picture = read_picture(encoded(Image.new("RGB", (3000, 1000)), "JPEG"))
    assert (picture.width, picture.height, picture.rgb.shape) == (3000, 1000, (171, 512, 3))


@pytest.mark.parametrize(
    "broken",
    [b"", b"text", encoded(Image.new("RGB", (9, 9)), "GIF"), encoded(Image.effect_noise((200, 200), 50))[:5000]],
)
def test_what_cannot_be_decoded_is_reported(broken: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        read_picture(broken)


def test_a_heic_is_read_upright() -> None:
    picture = read_picture(heic("rotated"))
    assert (picture.width, picture.height, picture.rgb.shape) == (48, 64, (64, 48, 3))


@pytest.mark.parametrize(
    "broken",
    [
        heic("plain")[:28],
        heic("plain")[:-200],
        heic("plain").replace(b"hvc1", b"hvc2"),
        heic("plain").replace(b"infe", b"free"),
    ],
)
def test_a_broken_heic_is_reported(broken: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        read_picture(broken)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (8, 8), (100, 80)])
def test_a_picture_without_contents_yields_no_regions(size: tuple[int, int]) -> None:
    assert analyze(encoded(Image.new("RGB", size, "teal"))).regions == ()


def test_the_astronaut_has_a_face_and_an_orange_suit() -> None:
    seen = analyze(encoded(Image.fromarray(data.astronaut())))
    face, suit = seen.regions[:2]
    assert (seen.faces, face.label, suit.label) == (1, "face", "large orange region")
    ymin, xmin, ymax, xmax = face.box
    assert 100 < ymin < ymax < 360
    assert 300 < xmin < xmax < 570


def test_a_cat_is_no_face() -> None:
    assert analyze(encoded(Image.fromarray(data.chelsea()))).faces == 0


def test_each_coin_found_is_one_coin() -> None:
    seen = analyze(encoded(Image.fromarray(data.coins())))
    assert len(seen.regions) == 8
    assert all(0.005 < region.share < 0.025 for region in seen.regions)
