"""Pictures that are made here, so that their truth is exact: things cut out of photographs, shapes, and signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from infra.evaluation.labelled import LabelledPicture, LabelledThing
from infra.evaluation.photographs import photographs

if TYPE_CHECKING:
    from numpy.random import Generator

_SIZE: Final = (640, 480)
_SEED: Final = 20261130
_GROUNDS: Final = {"brick": "a brick wall", "grass": "grass", "gravel": "gravel"}
_COLOURS: Final = {"red": (205, 45, 40), "blue": (40, 80, 200), "green": (30, 140, 70), "yellow": (235, 200, 40)}
_SHAPES: Final = ("circle", "square", "triangle")
SIGNS: Final = (
    ("EXIT",),
    ("Gate 14", "Departures"),
    ("FRESH BREAD", "2.50 each", "open until 18:00"),
    ("No parking", "Monday to Friday"),
)


def scenes(count: int) -> list[LabelledPicture]:
    """Return `count` scenes of one to three things, the same every time."""
    random = np.random.default_rng(_SEED)
    cut = {
        thing.label: (each.picture, thing.inside)
        for each in photographs()
        for thing in each.things
        if each.name in {"astronaut.jpg", "cat.jpg", "coffee.jpg"} and thing.label != "spoon"
    }
    return [_scene(random, f"scene-{number:02d}.jpg", cut) for number in range(1, count + 1)]


def _scene(
    random: Generator, name: str, cut: dict[str, tuple[Image.Image, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]]
) -> LabelledPicture:
    ground = str(random.choice(list(_GROUNDS)))
    tint = random.uniform(0.6, 1.0, 3)
    texture = np.asarray(Image.fromarray(getattr(data, ground)()).resize(_SIZE), dtype=np.float64)
    canvas = Image.fromarray((texture[..., None] * tint).astype(np.uint8))
    things: list[LabelledThing] = []
    slots = int(random.integers(1, 4))
    for slot in range(slots):
        label = str(random.choice(list(cut)))
        picture, inside = cut[label]
        things.append(LabelledThing(label, _paste(random, canvas, picture, inside, slot=(slot, slots))))
    labels = sorted({thing.label for thing in things})
    words = " and ".join(f"a {label}" for label in labels)
    captions = (f"{words.capitalize()} in front of {_GROUNDS[ground]}.", f"{words.capitalize()}.")
    return LabelledPicture(name, canvas, tuple(things), tuple(labels), captions, lines=())


def _paste(
    random: Generator,
    canvas: Image.Image,
    picture: Image.Image,
    inside: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
    *,
    slot: tuple[int, int],
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Paste a thing into its slot of the picture, standing on the lower edge; return its mask."""
    width, height = canvas.size
    room = width // slot[1]
    box = Image.fromarray(inside).getbbox() or (0, 0, 1, 1)
    scale = min(room / (box[2] - box[0]), height / (box[3] - box[1])) * float(random.uniform(0.6, 0.95))
    size = (max(int((box[2] - box[0]) * scale), 1), max(int((box[3] - box[1]) * scale), 1))
    mask = Image.fromarray(inside).convert("L").crop(box).resize(size).point(lambda value: 255 * (value > 127))  # noqa: PLR2004
    left = slot[0] * room + int(random.integers(0, room - size[0] + 1))
    top = height - size[1] - int(random.integers(0, (height - size[1]) // 3 + 1))
    canvas.paste(picture.crop(box).resize(size), (left, top), mask)
    whole = Image.new("L", canvas.size)
    whole.paste(mask, (left, top))
    return np.asarray(whole) > 0


def shapes(count: int) -> list[LabelledPicture]:
    """Return `count` pictures of coloured shapes on white, the same every time."""
    random = np.random.default_rng(_SEED + 1)
    found = []
    for number in range(1, count + 1):
        canvas = Image.new("RGB", _SIZE, (250, 250, 250))
        things = [_shape(random, canvas, slot) for slot in range(int(random.integers(1, 4)))]
        labels = sorted({label for label, _ in things})
        words = " and ".join(f"a {label}" for label in labels)
        masks = tuple(LabelledThing(label, inside) for label, inside in things)
        captions = (f"{words.capitalize()} on white.",)
        found.append(LabelledPicture(f"shapes-{number:02d}.png", canvas, masks, tuple(labels), captions, lines=()))
    return found


def _shape(
    random: Generator, canvas: Image.Image, slot: int
) -> tuple[str, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    shape, colour = str(random.choice(_SHAPES)), str(random.choice(list(_COLOURS)))
    side = int(random.integers(60, 180))
    left, top = 15 + slot * 210 + int(random.integers(0, 195 - side)), int(random.integers(15, 460 - side))
    corners = (left, top, left + side, top + side)
    plane = Image.new("1", canvas.size)
    for target, fill in ((canvas, _COLOURS[colour]), (plane, 1)):
        draw = ImageDraw.Draw(target)
        if shape == "circle":
            draw.ellipse(corners, fill=fill)
        elif shape == "square":
            draw.rectangle(corners, fill=fill)
        else:
            draw.polygon((left, top + side, left + side, top + side, left + side // 2, top), fill=fill)
    return shape, np.asarray(plane).copy()


def signs() -> list[LabelledPicture]:
    """Return pictures of signs, whose text is known."""
    found = []
    for number, lines in enumerate(SIGNS, 1):
        canvas = Image.new("RGB", _SIZE, (235, 235, 225))
        draw = ImageDraw.Draw(canvas)
        draw.rectangle((40, 40, 600, 440), fill=(20, 70, 130))
        for place, line in enumerate(lines):
            draw.text((70, 80 + 110 * place), line, fill=(255, 255, 255), font=ImageFont.load_default(size=64))
        captions = (f"A blue sign that says {', '.join(lines)}.", "A blue sign with white letters.")
        found.append(LabelledPicture(f"sign-{number}.png", canvas, (), ("sign",), captions, lines, with_things=False))
    return found
