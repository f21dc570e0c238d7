"""What fewer points of an outline, or fewer blanks around them, would take and lose: computed from answers that came.

Nobody has asked a model for them. An outline is thinned as Douglas and Peucker do, which is the best that a model could
do, too. Masks are compared by their intersection over union, with the outlines that came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from skimage.draw import polygon2mask
from skimage.measure import approximate_polygon

from tests.costs.rules import answer_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_POINTS: Final = (60, 32, 24, 16)
SMALL: Final = 0.01
"""Up to this part of the picture, an object is small."""

_GRID: Final = 500
_CHARACTERS_PER_TOKEN: Final = 4
_TRIANGLE: Final = 3

Polygon = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Shortened:
    """What answers would take that are written like this, in tokens, and how alike their masks are: mean and least.

    `small` is the mean of small objects alone.
    """

    name: str
    emulator: int
    rules: int
    mean: float
    least: float
    small: float


def shortened(answers: Sequence[str]) -> list[Shortened]:
    """Return what these answers to segment would take with fewer points, and without blanks."""
    documents = [json.loads(answer) for answer in answers]
    found = [
        _shortened(f"at most {most} points", documents, partial(thinned, most=most), json.dumps) for most in MOST_POINTS
    ]
    return [*found, _shortened("without blanks", documents, lambda points: points, _compact)]


def thinned(points: Polygon, most: int) -> Polygon:
    """Return an outline of at most so many points; what has no width is thinned evenly."""
    closed = np.array([*points, points[0]], dtype=float)
    thin, tolerance = closed, 0.0
    while len(thin) - 1 > most:
        tolerance += 1
        thin = approximate_polygon(closed, tolerance)
        if len(thin) - 1 < _TRIANGLE:
            return [list(point) for point in points[:: math.ceil(len(points) / most)]]
    return [[int(x), int(y)] for x, y in thin[:-1]]


def _shortened(
    name: str, documents: Iterable[Mapping[str, Any]], thin: Callable[[Polygon], Polygon], dump: Callable[[Any], str]
) -> Shortened:
    emulator = rules = 0
    alike, small = list[float](), list[float]()
    for document in documents:
        items = [{**item, "mask": thin(item["mask"])} for item in document["boxes"]]
        text = dump({"boxes": items})
        emulator += math.ceil(len(text) / _CHARACTERS_PER_TOKEN)
        rules += answer_tokens(text)
        for before, after in zip(document["boxes"], items, strict=True):
            whole, part = _mask(before["mask"]), _mask(after["mask"])
            alike.append(float((whole & part).sum() / (whole | part).sum()))
            if whole.mean() <= SMALL:
                small.append(alike[-1])
    return Shortened(name, emulator, rules, round(float(np.mean(alike)), 3), round(min(alike), 3), _mean(small))


def _mean(numbers: Sequence[float]) -> float:
    return round(float(np.mean(numbers)), 3) if numbers else 1.0


def _mask(points: Polygon) -> NDArray[np.bool_]:
    rows_columns = np.array([[y, x] for x, y in points]) * _GRID / 1000
    mask: NDArray[np.bool_] = polygon2mask((_GRID, _GRID), rows_columns)
    return mask


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))
