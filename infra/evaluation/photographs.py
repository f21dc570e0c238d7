"""Photographs that scikit-image carries, labelled by hand: outlines in pixels, as close as an eye and a grid allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

from infra.evaluation.labelled import LabelledPicture, LabelledThing

if TYPE_CHECKING:
    from numpy.typing import NDArray

# fmt: off
_ASTRONAUT: Final = (
    238,16, 212,20, 192,34, 170,46, 156,62, 153,84, 158,104, 170,117, 178,132, 182,148, 150,150, 130,162, 118,182,
    113,200, 95,222, 62,250, 46,275, 36,300, 24,340, 18,385, 20,430, 22,465, 28,490, 45,512, 278,512, 276,470, 280,430,
    290,402, 310,380, 340,358, 368,347, 361,330, 354,295, 346,268, 330,246, 305,234, 302,218, 290,200, 270,182, 256,174,
    262,150, 268,137, 281,128, 295,108, 301,88, 298,62, 285,36, 265,22,
)
_CAT: Final = (
    42,0, 395,0, 375,30, 352,75, 358,105, 362,125, 352,160, 330,195, 312,225, 300,255, 280,275, 262,300, 0,300, 0,135,
    25,118, 32,90, 32,55, 36,25,
)
_CUP: Final = (
    285,18, 255,20, 225,30, 200,47, 182,70, 174,95, 174,130, 184,170, 198,205, 212,235, 200,258, 196,280, 198,297,
    214,305, 230,302, 246,290, 258,281, 285,285, 312,279, 328,262, 330,256, 319,252, 322,243, 345,240, 362,226, 380,200,
    393,170, 402,140, 407,110, 404,85, 394,66, 375,46, 345,28, 315,20,
)
_SPOON: Final = (
    398,70, 408,67, 420,70, 424,78, 420,95, 412,120, 405,145, 396,175, 388,205, 384,235, 398,250, 406,272, 402,295,
    390,312, 372,322, 352,325, 336,315, 327,298, 327,278, 334,260, 352,246, 374,225, 386,198, 397,165, 406,135, 409,110,
    405,90,
)
_CAMERAMAN: Final = (
    205,64, 190,70, 176,80, 166,95, 162,106, 148,107, 132,122, 110,127, 88,138, 70,150, 58,170, 45,195, 25,225, 0,262,
    0,512, 90,512, 95,480, 99,447, 118,470, 133,490, 140,512, 149,512, 149,470, 148,420, 142,385, 150,372, 175,345,
    198,312, 206,296, 225,304, 248,312, 280,298, 304,272, 300,255, 290,248, 292,235, 310,230, 324,214, 331,190, 327,171,
    319,170, 314,183, 300,192, 289,207, 266,211, 262,226, 249,240, 246,225, 242,205, 240,190, 232,197, 222,192, 238,180,
    242,172, 254,168, 250,158, 253,145, 262,135, 270,118, 268,102, 258,90, 245,76, 228,68,
)
# fmt: on


def photographs() -> list[LabelledPicture]:
    """Return the photographs with their labels; sources and licences are in `SOURCES.md`."""
    return [
        _photograph(
            "astronaut.jpg",
            data.astronaut(),
            {"person": [_ASTRONAUT]},
            "A smiling astronaut in an orange suit in front of a flag and a model of a space shuttle.",
            "A woman in an orange space suit holds her helmet.",
            "A portrait of a person in front of a light background.",
        ),
        _photograph(
            "cat.jpg",
            data.chelsea(),
            {"cat": [_CAT]},
            "A close view of a tabby cat's face.",
            "The face of a brown cat with green eyes.",
            "A cat in front of a brown background.",
        ),
        _photograph(
            "coffee.jpg",
            data.coffee(),
            {"cup": [_CUP], "spoon": [_SPOON]},
            "A cup of coffee on a red saucer with a spoon, on a wooden table.",
            "A red cup of espresso on a table.",
            "A cup in front of a brown background.",
        ),
        _photograph(
            "cameraman.png",
            np.stack([data.camera()] * 3, axis=-1),
            {"person": [_CAMERAMAN]},
            "A man in a dark coat looks through a camera on a tripod, on a lawn.",
            "A photographer at work, in black and white.",
            "A black-and-white photo of a person with a camera.",
        ),
        _horse(),
    ]


def _photograph(
    name: str, pixels: NDArray[np.uint8], outlines: dict[str, list[tuple[int, ...]]], *captions: str
) -> LabelledPicture:
    picture = Image.fromarray(pixels).convert("RGB")
    things = tuple(
        LabelledThing(label, drawn(outline, picture.size)) for label, some in outlines.items() for outline in some
    )
    return LabelledPicture(name, picture, things, tuple(outlines), captions, lines=None)


def _horse() -> LabelledPicture:
    inside = ~np.asarray(data.horse(), dtype=np.bool_)
    pixels = np.where(inside[..., None], np.uint8(0), np.uint8(255)).repeat(3, axis=-1)
    captions = ("The black silhouette of a horse.", "A horse, drawn in black on white.", "A black horse on white.")
    return LabelledPicture(
        "horse.png", Image.fromarray(pixels), (LabelledThing("horse", inside),), ("horse",), captions, lines=()
    )


def drawn(outline: tuple[int, ...], size: tuple[int, int]) -> Any:
    """Return the inside of an outline (`x, y, x, y, …`) as bool `(height, width)`."""
    canvas = Image.new("1", size)
    ImageDraw.Draw(canvas).polygon(outline, fill=1)
    return np.asarray(canvas).copy()
