"""In which frame the numbers of a polygon or the pixels of a PNG are meant: the one in which they fit the box.

A box fits its outline tightly, so the extent of a mask tells its frame. What fits in no frame is no mask of this box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.geometry import SCALE
from shared.core.masks.refused import MaskRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.values import Box1000

    Ring = NDArray[np.float64]
    """`(n, 2)`: x and y of each vertex."""

Extent = tuple[float, float, float, float]
"""x0, y0, x1 and y1 in 0-1000 of the upright image."""

SLACK = 40
"""Thousandths by which a vertex may lie outside of its box and still count as inside."""

GOOD_FIT = 0.3
"""From this overlap (0 to 1) of a mask and its box on, they are held to belong together."""
_LEAST_INSIDE = 0.5
_LEAST_LENGTH = 0.1

_HAIR = 1  # thousandth

# A reading must beat the documented one by so much, on a scale of 0 to 2.
_HANDICAP_YX = 0.15
_HANDICAP_BOX = 0.5
_HANDICAP_PIXELS = 0.5


@dataclass(frozen=True, slots=True)
class Framed:
    """Rings in 0-1000 of the upright image, how well they fit their box (0 to 1), and how they were understood."""

    rings: tuple[Ring, ...]
    fit: float
    note: str | None = None


def framed(rings: tuple[Ring, ...], box: Box1000, *, size: tuple[int, int], named: bool) -> Framed:
    """The reading of a polygon that fits its box best: as documented, with the axes swapped, or relative to the box.

    `size` is that of the upright image, `named` says that vertices name their axes.

    Raises:
        MaskRefusedError: the polygon is in pixels, or fits in no frame.
    """
    import numpy as np

    ymin, xmin, ymax, xmax = box
    corner, share = np.array([xmin, ymin]), np.array([xmax - xmin, ymax - ymin]) / SCALE
    swapped = _mapped(rings, lambda ring: ring[:, ::-1])
    inside = _mapped(rings, lambda ring: corner + ring * share)
    pixels = _mapped(rings, lambda ring: ring * SCALE / np.array(size))
    readings = [
        (_score(rings, box), rings, None),
        (_score(swapped, box) - _HANDICAP_YX - 2 * named, swapped, "polygon_yx"),
        (2 * overlap(extent_of(inside), box) - _HANDICAP_BOX, inside, "polygon_in_box"),
        (_score(pixels, box) - _HANDICAP_PIXELS, pixels, "pixels"),
    ]
    _, chosen, note = max(readings, key=lambda reading: reading[0])
    if note == "pixels":
        raise MaskRefusedError("expected a polygon in 0-1000, found one in pixels, of a size that is not known")
    return Framed(chosen, fit(extent_of(chosen), box, what="polygon"), note)


def fit(extent: Extent, box: Box1000, *, what: str) -> float:
    """How well the extent of a mask is its box: intersection over union, 0 to 1.

    A mask fits where both share a third of what they cover together, or where it lies inside of its box for the most
    part and is as long as a tenth of it, at least, one way or the other.

    Raises:
        MaskRefusedError: they hardly overlap.
    """
    found = overlap(extent, box)
    if found >= GOOD_FIT or (_inside(extent, box) >= _LEAST_INSIDE and _length(extent, box) >= _LEAST_LENGTH):
        return round(found, 2)
    raise MaskRefusedError(f"expected a mask that fits its box, found a {what} that hardly overlaps it")


def overlap(extent: Extent, box: Box1000) -> float:
    """Intersection over union of an extent and a box."""
    ymin, xmin, ymax, xmax = box
    shared = _shared(extent, box)
    return shared / (_area(extent) + (xmax - xmin) * (ymax - ymin) - shared)


def extent_of(rings: tuple[Ring, ...]) -> Extent:
    """The smallest upright rectangle around all rings."""
    import numpy as np

    vertices = np.concatenate(rings)
    (x0, y0), (x1, y1) = vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()
    return x0, y0, x1, y1


def _inside(extent: Extent, box: Box1000) -> float:
    """The share of an extent that lies inside of a box; for lines, which have no area, of all that is a hair wider."""
    x0, y0, x1, y1 = extent
    ymin, xmin, ymax, xmax = box
    wider = (x0 - _HAIR, y0 - _HAIR, x1 + _HAIR, y1 + _HAIR)
    shared = _shared(wider, (ymin - _HAIR, xmin - _HAIR, ymax + _HAIR, xmax + _HAIR))
    return shared / _area(wider)


def _length(extent: Extent, box: Box1000) -> float:
    """How long an extent is in its box, across or down, whichever is the larger share."""
    ymin, xmin, ymax, xmax = box
    return max((extent[2] - extent[0]) / (xmax - xmin), (extent[3] - extent[1]) / (ymax - ymin))


def _area(extent: Extent) -> float:
    return (extent[2] - extent[0]) * (extent[3] - extent[1])


def _shared(extent: Extent, box: Extent) -> float:
    """The area in both an extent and a box, whose sides are in the order of `Box1000`."""
    ymin, xmin, ymax, xmax = box
    x0, y0, x1, y1 = extent
    return max(0.0, min(x1, xmax) - max(x0, xmin)) * max(0.0, min(y1, ymax) - max(y0, ymin))


def _mapped(rings: tuple[Ring, ...], change: Callable[[Ring], Ring]) -> tuple[Ring, ...]:
    return tuple(change(ring) for ring in rings)


def _score(rings: tuple[Ring, ...], box: Box1000) -> float:
    return _near(rings, box) + overlap(extent_of(rings), box)


def _near(rings: tuple[Ring, ...], box: Box1000) -> float:
    """The share of vertices inside the box, or almost."""
    import numpy as np

    ymin, xmin, ymax, xmax = box
    vertices = np.concatenate(rings)
    low, high = np.array([xmin - SLACK, ymin - SLACK]), np.array([xmax + SLACK, ymax + SLACK])
    return float(((vertices >= low) & (vertices <= high)).all(axis=1).mean())
