"""Find things that have names: CenterNet over MobileNetV3, trained on the 80 kinds of COCO.

The network gives every fourth pixel 80 scores (is it the middle of such a thing?) and four distances to the sides of
its box. A middle is where a score is the highest of its neighbours: Zhou et al., "Objects as Points", 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.ndimage import maximum_filter

from .names import NAMES
from .network import Network
from .weights import GRAPH, NUMBERS, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDE_PX = 320
"""Long side of what the network sees: of 288 to 512, the one at which it erred least on scikit-image's photographs."""
MULTIPLE_PX = 32
STRIDE_PX = 4
GREY = 114
MIN_SCORE = 0.42
"""Below it, of the same photographs, the network takes a retina for an umbrella and coins for clocks."""
MAX_OVERLAP = 0.5
MAX_FOUND = 8
_OUTPUTS = ("tower_0/keypoints", "tower_0/wh")


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing: its name, its score from 0 to 1, its box (top, left, bottom, right) as fractions of the picture."""

    name: str
    score: float
    box: tuple[float, float, float, float]


def find_things(rgb: NDArray[np.uint8]) -> list[Detection]:
    """Return up to eight things in an RGB picture, the surest first.

    Raises:
        NoWeightsError: the weights are not there.
    """
    image, shown = framed(rgb)
    scores, distances = network().run(image)
    return distinct(decoded(scores, distances, shown=shown))


@lru_cache(maxsize=1)
def network() -> Network:
    """Return the network, read and checked once.

    Raises:
        NoWeightsError: the weights are not there, or are others.
    """
    return Network(read(GRAPH), read(NUMBERS), outputs=_OUTPUTS)


def framed(rgb: NDArray[np.uint8]) -> tuple[Floats, tuple[int, int]]:
    """Return the picture as the network takes it, and how many of its rows and columns the picture fills.

    Its proportions stay: it is scaled to 320 pixels, and grey fills up to multiples of 32 at the bottom and the right.
    """
    scale = SIDE_PX / max(rgb.shape[:2])
    rows, columns = (max(1, round(length * scale)) for length in rgb.shape[:2])
    small = Image.fromarray(rgb).resize((columns, rows), Image.Resampling.BILINEAR)
    height, width = (-(-length // MULTIPLE_PX) * MULTIPLE_PX for length in (rows, columns))
    image = np.full((height, width, 3), GREY, dtype=np.float32)
    image[:rows, :columns] = np.asarray(small)
    return image, (rows, columns)


def decoded(scores: Floats, distances: Floats, *, shown: tuple[int, int]) -> list[Detection]:
    """Return what the outputs say, the surest first; `shown` are the picture's rows and columns in network pixels."""
    tops = (scores == maximum_filter(scores, size=(3, 3, 1), mode="constant")) & (scores >= MIN_SCORE)
    found = []
    for row, column, kind in np.argwhere(tops):
        left, up, right, down = (float(each) for each in distances[row, column])
        y, x = float(row * STRIDE_PX), float(column * STRIDE_PX)
        edges = ((y - up) / shown[0], (x - left) / shown[1], (y + down) / shown[0], (x + right) / shown[1])
        top, start, bottom, end = (min(1.0, max(0.0, edge)) for edge in edges)
        if top < bottom and start < end:
            score = round(float(scores[row, column, kind]), 3)
            found.append(Detection(NAMES[kind], score, (top, start, bottom, end)))
    return sorted(found, key=lambda each: (-each.score, each.name, each.box))


def distinct(found: Sequence[Detection]) -> list[Detection]:
    """Return the things without those that a surer one covers, whatever the two are called; at most eight."""
    kept: list[Detection] = []
    for each in found:
        if len(kept) < MAX_FOUND and all(overlap(each.box, other.box) <= MAX_OVERLAP for other in kept):
            kept.append(each)
    return kept


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Return the intersection of two boxes over their union."""
    common = max(0.0, min(one[2], other[2]) - max(one[0], other[0])) * max(
        0.0, min(one[3], other[3]) - max(one[1], other[1])
    )
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common) if areas > common else 0.0
