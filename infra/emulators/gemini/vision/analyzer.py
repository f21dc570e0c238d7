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
from .cutting import box_mask, cut_out
from .detector import find_things
from .faces import find_faces
from .lines import find_lines
from .picture import read_picture
from .regions import MAX_REGIONS, find_regions, superpixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .detector import Detection
    from .regions import Superpixels

REGION_SIDE = 320
"""Long side at which regions are found: finer pixels cost time and find the same things."""
LARGE_SHARE, SMALL_SHARE = 0.2, 0.01
ROUND_EXTENT = (0.70, 0.86)
"""A disc fills pi/4 = 0.785 of its box."""
HEAD = (0.6, 0.2)
"""How much farther than the features of a face its head reaches: upwards, and to the other sides; in its heights."""
LEAST_BACKGROUND, MAX_BACKGROUND = 0.05, 2


def analyze(data: bytes, *, detector: bool = False) -> Analysis:
    """Return the facts about an image; with `detector`, common things have their names.

    Where it finds any, they and the faces are all: what stands out by its colour alone is told where it finds none.

    Raises:
        UnreadableImageError: the bytes are no image this API accepts.
        NoWeightsError: `detector`, and its weights are not there.
    """
    picture = read_picture(data)
    faces = find_faces(picture.rgb)
    small = _small(picture.rgb)
    graph = superpixels(small)
    things = _things(picture.rgb, graph, faces) if detector else []
    rest = [] if things else [(found.mask, found.score) for found in find_regions(graph)]
    regions = [
        *(_region(mask, label=found.name, score=found.score, named=True) for found, mask in things),
        *(_region(_face_mask(picture.rgb, box), label="face", score=0.9) for box in faces),
        *(_region(mask, label=_label(small, mask), score=math.tanh(2 * score)) for mask, score in rest),
    ][:MAX_REGIONS]
    return Analysis(
        digest=hashlib.sha256(data).hexdigest(),
        width=picture.width,
        height=picture.height,
        kind=kind(picture.rgb),
        tones=tones(picture.rgb),
        brightness=brightness(picture.rgb),
        texture=texture(picture.rgb),
        regions=tuple(regions),
        faces=sum(region.label == "face" for region in regions),
        lines=tuple(box_of(line) for line in find_lines(picture.rgb)),
        detector=detector,
        background=_background(small, [mask for _, mask in things]),
    )


def warm_up(*, detector: bool = False) -> None:
    """Look at a small made-up picture, so that every lazy import and table is there before the first real one."""
    rows, columns = np.ogrid[:64, :64]
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 20**2
    pixels = np.where(disc[..., None], (220, 90, 30), (30, 60, 90)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    analyze(buffer.getvalue(), detector=detector)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = Image.fromarray(rgb)
    small.thumbnail((REGION_SIDE, REGION_SIDE))
    return np.asarray(small)


def _things(
    rgb: NDArray[np.uint8], graph: Superpixels, faces: list[tuple[int, int, int, int]]
) -> list[tuple[Detection, NDArray[np.bool_]]]:
    """Return what the detector finds, each with its mask at the size of the superpixels."""
    rows, columns = graph.labels.shape
    heads = [np.asarray(Image.fromarray(_head_mask(rgb, face)).resize((columns, rows))) for face in faces]
    return [(each, cut_out(graph, each.box) | _heads_of(each, heads, (rows, columns))) for each in find_things(rgb)]


def _heads_of(thing: Detection, heads: list[NDArray[np.bool_]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the heads in a person's box: skin is often of the wall's colour, so colours alone may lose them."""
    found = np.zeros(shape, dtype=bool)
    inside = box_mask(shape, thing.box)
    for head in heads if thing.name == "person" else []:
        if (head & inside).sum() > head.sum() / 2:
            found |= head & inside
    return found


def _head_mask(rgb: NDArray[np.uint8], face: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    top, left, bottom, right = face
    above, around = (round(part * (bottom - top)) for part in HEAD)
    return _face_mask(rgb, (top - above, left - around, bottom + around, right + around))


def _background(rgb: NDArray[np.uint8], things: list[NDArray[np.bool_]]) -> tuple[str, ...]:
    """Return the colours of what no thing covers; nothing where there are no things, or hardly anything else."""
    if not things:
        return ()
    left = ~np.logical_or.reduce(things)
    return tones(rgb[left][None])[:MAX_BACKGROUND] if left.mean() >= LEAST_BACKGROUND else ()


def _region(mask: NDArray[np.bool_], *, label: str, score: float, named: bool = False) -> Region:
    return Region(
        label=label,
        box=box_of(mask),
        polygon=polygon_of(mask),
        mask_png=mask_png(mask),
        share=float(mask.mean()),
        score=round(score, 3),
        named=named,
    )


def _face_mask(rgb: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    top, left, bottom, right = box
    rows, columns = np.ogrid[: rgb.shape[0], : rgb.shape[1]]
    down = (rows + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    across = (columns + 0.5 - (left + right) / 2) / ((right - left) / 2)
    # The cascade's square holds the features only: an upright ellipse in it is what one calls the face.
    return np.asarray(down**2 + (across / 0.82) ** 2 <= 1)


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
