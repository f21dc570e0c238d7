"""Which found thing is which true one: intersection over union, and COCO's way to pair things by it.

The rules are those of pycocotools, down to what wins a tie: found things choose in their order, each the true thing
that it overlaps most and that is left; a crowd may be chosen often, and counts neither way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from shared.core.masks.crop import MaskCrop

THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
"""The intersections over union from which on a thing counts as found; the mean over them is AP@[.5:.95]."""
AT_50, AT_75 = 0, 5
AREAS: Final[Mapping[str, tuple[float, float]]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""COCO's sizes of things, in square pixels, both ends inside."""
MOST_FOUND: Final = 100
"""Found things of a label in an image that count; pycocotools takes so many by default."""
_ALMOST_ONE: Final = 1 - 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of D found things of one label in one image, at each of T thresholds.

    `partner` is `(T, D)`: the place of the true thing, or -1. `ignored` is `(T, D)`: counts neither way. `positives`
    is how many true things there are to be found.
    """

    partner: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    positives: int

    @property
    def hits(self) -> NDArray[np.bool_]:
        """`(T, D)`: what was rightly found."""
        return (self.partner >= 0) & ~self.ignored

    @property
    def misses(self) -> NDArray[np.bool_]:
        """`(T, D)`: what was found and is not there."""
        return (self.partner < 0) & ~self.ignored


@dataclass(frozen=True, slots=True, eq=False)
class TrueThings:
    """G true things of one label in one image: their areas in square pixels, and which of them are crowds, `(G,)`."""

    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]


def box_overlaps(
    found: NDArray[np.float64], true: NDArray[np.float64], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return `(D, G)` intersections over union of boxes `[x, y, width, height]`; of a crowd, over the found box."""
    found, true = found.reshape(-1, 1, 4), true.reshape(1, -1, 4)
    sides = np.minimum(found[..., :2] + found[..., 2:], true[..., :2] + true[..., 2:]) - np.maximum(
        found[..., :2], true[..., :2]
    )
    shared = np.where((sides > 0).all(axis=-1), sides.prod(axis=-1), 0.0)
    return _over(shared, found[..., 2:].prod(axis=-1), true[..., 2:].prod(axis=-1), crowd)


def mask_overlaps(found: Sequence[MaskCrop], true: Sequence[MaskCrop], crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return `(D, G)` intersections over union of masks; of a crowd, over the found mask alone."""
    shared = np.array([[_common(one, other) for other in true] for one in found], dtype=np.float64)
    areas = (np.array([[mask.area for mask in masks]], dtype=np.float64) for masks in (found, true))
    found_areas, true_areas = areas
    return _over(shared.reshape(len(found), len(true)), found_areas.T, true_areas, crowd)


def _over(
    shared: NDArray[np.float64],
    found_area: NDArray[np.float64],
    true_area: NDArray[np.float64],
    crowd: NDArray[np.bool_],
) -> NDArray[np.float64]:
    whole = np.where(crowd, found_area + 0 * shared, found_area + true_area - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)


def _common(one: MaskCrop, other: MaskCrop) -> int:
    """Return how many pixels two masks share."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom = min(one.top + one.inside.shape[0], other.top + other.inside.shape[0])
    right = min(one.left + one.inside.shape[1], other.left + other.inside.shape[1])
    if bottom <= top or right <= left:
        return 0
    cuts = (
        each.inside[top - each.top : bottom - each.top, left - each.left : right - each.left] for each in (one, other)
    )
    first, second = cuts
    return int(np.count_nonzero(first & second))


def match_things(
    overlaps: NDArray[np.float64], true: TrueThings, found_areas: NDArray[np.float64], *, area: str = "all"
) -> Matches:
    """Pair D found things, in their order, with G true ones, by `(D, G)` overlaps, at every threshold."""
    low, high = AREAS[area]
    ignore = true.crowd | (true.areas < low) | (true.areas > high)
    order = np.argsort(ignore, kind="stable")
    overlaps, found_areas = overlaps[:MOST_FOUND, order], found_areas[:MOST_FOUND]
    partner = np.full((len(THRESHOLDS), len(overlaps)), -1, dtype=np.int64)
    for number, threshold in enumerate(THRESHOLDS):
        _pair(partner[number], overlaps, ignore[order].tolist(), true.crowd[order].tolist(), threshold=float(threshold))
    chosen_ignored = np.append(ignore[order], False)[partner]
    outside = (found_areas < low) | (found_areas > high)
    ignored = (chosen_ignored & (partner >= 0)) | ((partner < 0) & outside)
    return Matches(np.where(partner >= 0, np.append(order, -1)[partner], -1), ignored, int((~ignore).sum()))


def _pair(
    partner: NDArray[np.int64],
    overlaps: NDArray[np.float64],
    ignore: list[bool],
    crowd: list[bool],
    *,
    threshold: float,
) -> None:
    taken: set[int] = set()
    for number, row in enumerate(overlaps.tolist()):
        best, chosen = min(threshold, _ALMOST_ONE), -1
        for place, overlap in enumerate(row):
            if place in taken and not crowd[place]:
                continue
            if chosen >= 0 and not ignore[chosen] and ignore[place]:
                break  # those that count come first, and one of them fits
            if overlap >= best:
                best, chosen = overlap, place
        if chosen >= 0:
            taken.add(chosen)
            partner[number] = chosen
