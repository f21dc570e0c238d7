"""Look at one image: bytes in, facts out. The same bytes always yield the same facts."""

from __future__ import annotations

import hashlib
import io
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .analysis import Analysis, Region
from .colours import brightness, colour_name, kind, texture, tones
from .contours import box_of, mask_png, polygon_of
from .faces import find_faces
from .lines import find_lines
from .picture import read_picture
from .regions import MAX_REGIONS, find_regions

if TYPE_CHECKING:
    from numpy.typing import NDArray

REGION_SIDE = 320
"""Long side at which regions are found: finer pixels cost time and find the same things."""
LARGE_SHARE, SMALL_SHARE = 0.2, 0.01
ROUND_EXTENT = (0.70, 0.86)
"""A disc fills pi/4 = 0.785 of its box."""


def analyze(data: bytes) -> Analysis:
    """Return the facts about an image.

    Raises:
        UnreadableImageError: the bytes are no image this API accepts.
    """
    picture = read_picture(data)
    faces = [_face(picture.rgb, box) for box in find_faces(picture.rgb)]
    regions = [*faces, *_regions(picture.rgb)][:MAX_REGIONS]
    return Analysis(
        digest=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
        kind=kind(picture.rgb),
        tones=tones(picture.rgb),
        brightness=brightness(picture.rgb),
        texture=texture(picture.rgb),
        regions=tuple(regions),
        faces=len(faces),
        lines=tuple(box_of(line) for line in find_lines(picture.rgb)),
    )


def warm_up() -> None:
    """Look at a small made-up picture, so that every lazy import and table is there before the first real one."""
    rows, columns = np.ogrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 20**2
    pixels = np.where(disc[..., None], (220, 90, 30), (30, 60, 90)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    analyze(buffer.getvalue())


def _regions(rgb: NDArray[np.uint8]) -> list[Region]:
    small = Image.fromarray(rgb)
    small.thumbnail((REGION_SIDE, REGION_SIDE))
    pixels = np.asarray(small)
    return [
        _region(found.mask, label=_label(pixels, found.mask), score=math.tanh(2 * found.score))
        for found in find_regions(pixels)
    ]


def _region(mask: NDArray[np.bool_], *, label: str, score: float) -> Region:
    return Region(
        label=label,
        box=box_of(mask),
        polygon=polygon_of(mask),
        mask_png=mask_png(mask),
        share=float(mask.mean()),
        score=round(score, 3),
    )


def _face(rgb: NDArray[np.uint8], box: tuple[int, int, int, int]) -> Region:
    top, left, bottom, right = box
    rows, columns = np.ogrid[: rgb.shape[0], : rgb.shape[1]]
    down = (rows + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    across = (columns + 0.5 - (left + right) / 2) / ((right - left) / 2)
    # The cascade's square holds the features only: an upright ellipse in it is what one calls the face.
    return _region(down**2 + (across / 0.82) ** 2 <= 1, label="face", score=0.9)


def _label(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> str:
    colour = colour_name(np.median(rgb[mask], axis=0))
    return " ".join(word for word in (_size(float(mask.mean())), _shape(mask), colour, "region") if word)


def _size(share: float) -> str:
    if share > LARGE_SHARE:
        return "large"
    return "small" if share < SMALL_SHARE else ""


def _shape(mask: NDArray[np.bool_]) -> str:
    rows, columns = mask.any(axis=1).sum(), mask.any(axis=0).sum()
    aspect, extent = columns / rows, mask.sum() / (rows * columns)
    if aspect > 2.5 or aspect < 0.4:  # noqa: PLR2004 - clearly longer than wide
        return "long"
    if extent > 0.92:  # noqa: PLR2004 - fills its box but for the rounding of corners
        return "rectangular"
    round_enough = ROUND_EXTENT[0] < extent < ROUND_EXTENT[1] and 0.75 < aspect < 1.33  # noqa: PLR2004 - 4:3
    return "round" if round_enough else ""
