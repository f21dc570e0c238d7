from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageChops

from shared.core.overlays.drawing import COLOURS, colour_of, coverage, draw_overlay, place_tag
from shared.core.values import Item, Mask
from tests.mask_bits import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.values import BoxPx

GREY = (128, 128, 128)
JPEG_NOISE = 12


def picture(width: int = 400, height: int = 300, colour: tuple[int, int, int] = GREY) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def item(box: BoxPx | None, label: str = "cat", *, index: int = 0, mask: Mask | None = None) -> Item:
    return Item(index, label, box_px=box, mask=mask)


def full_mask(box: BoxPx) -> Mask:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return Mask("ok", "png", box, area, bitmap=packed(np.ones((box[3] - box[1], box[2] - box[0]))))


def drawn(base: Image.Image, items: Sequence[Item], *, scale: int = 1) -> Image.Image:
    data = draw_overlay(base, items, width=base.width * scale, height=base.height * scale)
    return Image.open(BytesIO(data)).convert("RGB")


def farthest(image: Image.Image, base: Image.Image) -> int:
    """The largest change of one channel anywhere."""
    return max(ImageChops.difference(image, base).tobytes())


def rgb(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return tuple(int(channel) for channel in pixel)


def test_importing_the_overlay_loads_no_imaging_library() -> None:
    code = "import sys, shared.core.overlays.drawing; print({'PIL', 'numpy', 'uharfbuzz'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "set()\n"


def test_pixels_inside_a_mask_move_toward_its_colour() -> None:
    box = (100, 100, 300, 250)
    image = drawn(picture(), [item(box, mask=full_mask(box))])
    red, green, blue = rgb(image, 200, 200)
    assert colour_of(0) == (225, 60, 0)
    assert (170 - 8 <= red <= 170 + 8, 99 - 8 <= green <= 99 + 8, 73 - 8 <= blue <= 73 + 8) == (True, True, True)


def test_pixels_far_from_boxes_and_tags_keep_their_colour() -> None:
    image = drawn(picture(), [item((200, 150, 280, 250), mask=full_mask((200, 150, 280, 250)))])
    for region in ((0, 0, 190, 300), (300, 0, 400, 300), (190, 260, 300, 300), (190, 0, 300, 130)):
        assert farthest(image.crop(region), picture().crop(region)) <= 2


def test_a_box_is_drawn_in_its_colour_at_the_pictures_scale() -> None:
    image = drawn(picture(1000, 800), [item((1000, 800, 1800, 1400))], scale=2)
    for x, y in ((500, 550), (899, 550), (700, 699)):
        assert max(abs(a - b) for a, b in zip(rgb(image, x, y), colour_of(0), strict=True)) <= 3 * JPEG_NOISE
    assert rgb(image, 700, 550) == GREY


def test_an_unavailable_mask_leaves_the_inside_of_the_box_alone() -> None:
    image = drawn(picture(), [item((100, 100, 300, 250), mask=Mask("unavailable", reason="tokens"))])
    assert farthest(image.crop((110, 110, 290, 240)), picture().crop((110, 110, 290, 240))) <= 2


def test_a_mask_colours_only_its_own_pixels_of_the_box() -> None:
    half = np.repeat([[1, 0]], 50, axis=1).repeat(100, axis=0)
    mask = Mask("ok", "png", (100, 100, 200, 200), 5000, bitmap=packed(half))
    image = drawn(picture(), [item((100, 100, 300, 250), mask=mask)])
    assert rgb(image, 125, 150)[0] > 150
    assert farthest(image.crop((160, 110, 290, 240)), picture().crop((160, 110, 290, 240))) <= JPEG_NOISE


@pytest.mark.parametrize(("size", "to"), [((20, 10), (7, 3)), ((3001, 2003), (1500, 1000)), ((9, 5), (30, 20))])
def test_a_mask_is_scaled_in_bands_as_it_would_be_at_once(size: tuple[int, int], to: tuple[int, int]) -> None:
    mask = Image.fromarray(np.random.default_rng(7).integers(0, 2, size[::-1], dtype=np.uint8) * np.uint8(255))
    scaled = coverage(packed(np.asarray(mask)), size, to=to)
    assert farthest(scaled, mask.resize(to, Image.Resampling.BOX)) <= 1


def test_unusable_items_and_items_without_a_box_are_not_drawn() -> None:
    unusable = Item(0, "cat", "unusable", "box of 3 numbers", box_px=(10, 10, 200, 200))
    assert drawn(picture(), [unusable, item(None)]) == drawn(picture(), [])


def test_the_same_input_gives_the_same_bytes() -> None:
    box = (20, 30, 300, 250)
    items = [item(box, "猫 кот", mask=full_mask(box))]
    first = draw_overlay(picture(), items, width=400, height=300)
    assert draw_overlay(picture(), items, width=400, height=300) == first


def test_the_picture_handed_in_is_not_drawn_on() -> None:
    base = picture()
    draw_overlay(base, [item((20, 30, 300, 250))], width=400, height=300)
    assert base == picture()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 64), (64, 48), (300, 20), (2048, 16)])
def test_pictures_of_any_size_can_be_drawn_on(size: tuple[int, int]) -> None:
    width, height = size
    box = (0, 0, 10 * width, 10 * height)
    items = [item(box, "cat", mask=full_mask(box)), item((10 * width - 1, 10 * height - 1, 10 * width, 10 * height))]
    assert drawn(picture(width, height), items, scale=10).size == size


def test_a_hundred_items_can_be_drawn() -> None:
    items = [item((x, x, x + 90, x + 60), f"thing number {x} with a long name", index=x) for x in range(100)]
    assert farthest(drawn(picture(), items), picture()) > 100


def test_the_first_twelve_items_have_different_colours_and_the_thirteenth_starts_again() -> None:
    assert len({colour_of(index) for index in range(12)}) == 12
    assert colour_of(12) == colour_of(0)


@pytest.mark.parametrize("index", range(len(COLOURS)))
def test_tag_text_stands_out_from_its_ground(index: int) -> None:
    tag = drawn(picture(2048, 400), [item((0, 0, 2048, 400), "■■■■■■■■", index=index)]).crop((0, 0, 200, 40))
    colours = [rgb(tag, x, y) for x in range(tag.width) for y in range(tag.height)]
    light, dark = max(map(luminance, colours)), min(map(luminance, colours))
    assert (light + 0.05) / (dark + 0.05) >= 4.3


def luminance(colour: tuple[int, ...]) -> float:
    red, green, blue = (float(((channel / 255 + 0.055) / 1.055) ** 2.4) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_labels_are_drawn() -> None:
    box = (10, 100, 390, 290)
    images = [drawn(picture(), [item(box, label)]) for label in ("猫", "قطة", "cat", "dog")]
    assert all(one != other for index, one in enumerate(images) for other in images[:index])


def test_a_label_with_nothing_to_see_shows_the_items_number() -> None:
    box = (10, 100, 390, 290)
    hidden = drawn(picture(), [item(box, "\u202e\x00\u200d\n", index=7)])
    assert hidden == drawn(picture(), [item(box, "#7", index=7)])


def test_marks_piled_on_a_letter_do_not_leave_the_tag() -> None:
    piled = drawn(picture(), [item((100, 200, 300, 290), "Z" + "\u0301" * 190)])
    assert farthest(piled.crop((0, 0, 400, 170)), picture().crop((0, 0, 400, 170))) <= 2
    assert farthest(piled.crop((100, 184, 110, 200)), picture().crop((100, 184, 110, 200))) > 100


def test_a_long_label_does_not_spread_over_the_picture() -> None:
    image = drawn(picture(), [item((0, 100, 50, 200), "a label that is longer than its box " * 5)])
    assert farthest(image.crop((180, 0, 400, 300)), picture().crop((180, 0, 400, 300))) <= 2


def test_a_tag_stands_above_its_box_inside_the_picture() -> None:
    assert place_tag((50, 50, 90, 90), (30, 10), picture=(100, 100), taken=[]) == (50, 40, 80, 50)
    assert place_tag((80, 0, 100, 9), (30, 10), picture=(100, 100), taken=[]) == (70, 0, 100, 10)


def test_tags_of_the_same_box_are_moved_apart() -> None:
    taken: list[BoxPx] = []
    for _ in range(6):
        taken.append(place_tag((50, 50, 90, 90), (30, 10), picture=(100, 100), taken=taken))
    assert [place[1] for place in sorted(taken)] == [40, 50, 60, 70, 80, 90]


def test_a_colour_profile_of_the_picture_is_kept_unless_it_is_huge() -> None:
    base = picture()
    base.info["icc_profile"] = b"profile of a display"
    kept = Image.open(BytesIO(draw_overlay(base, [], width=400, height=300)))
    base.info["icc_profile"] = b"x" * 100_000
    dropped = Image.open(BytesIO(draw_overlay(base, [], width=400, height=300)))
    assert kept.info["icc_profile"] == b"profile of a display"
    assert "icc_profile" not in dropped.info


@pytest.mark.parametrize("size", [(2000, 30), (2000, 16), (30, 2000), (1500, 100)])
def test_labels_stay_on_extreme_aspects(size: tuple[int, int]) -> None:
    box = (0, 0, size[0], size[1])
    one, other = (drawn(picture(*size), [item(box, label)]) for label in ("cat", "dog"))
    assert farthest(one, other) > 100
