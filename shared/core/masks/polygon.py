"""Masks that come as a polygon: every spelling that was seen, put into one frame, drawn inside the box.

Documented is `[[x, y], …]` in 0-1000 of the whole image; boxes and points of the same models are `[y, x]`, and
answers mix them up. Where a box is known, the reading that fits it best wins; the documented one leads by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.core.geometry import SCALE, read_number
from shared.core.masks.refused import MaskRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.masks.budget import Budget
    from shared.core.values import Box1000, BoxPx

    Ring = NDArray[np.float64]
    """`(n, 2)`: x and y of each vertex."""

MAX_VERTICES = 4_000
MAX_RINGS = 32
SLACK = 40
"""Thousandths by which a vertex may lie outside of its box and still count as inside."""

_MIN_VERTICES = 3
_MAX_DEPTH = 3
_MAX_TEXT = 64_000
_PAIR = 2
_TEXT = re.compile(r"[\s\d.,;()\[\]+-]+", re.ASCII)
_TEXT_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)

# A reading must beat the documented one by so much, on a scale of 0 to 2.
_HANDICAP_YX = 0.15
_HANDICAP_BOX = 0.5


@dataclass(frozen=True, slots=True)
class Polygon:
    """Rings of `(x, y)` in 0-1000 of the upright image; a second ring cuts out of the first what they share."""

    rings: tuple[Ring, ...]
    notes: tuple[str, ...] = ()

    @property
    def bounds(self) -> Box1000 | None:
        """The smallest box around all rings, None where it has no area."""
        x0, y0, x1, y1 = _extent(self.rings)
        box = (int(y0), int(x0), -int(-y1 // 1), -int(-x1 // 1))
        return box if box[0] < box[2] and box[1] < box[3] else None


def is_polygon_text(value: str) -> bool:
    """Whether a string holds numbers and separators only, and enough of them."""
    if len(value) > _MAX_TEXT or not _TEXT.fullmatch(value):
        return False
    return len(list(islice(_TEXT_NUMBER.finditer(value), _PAIR * _MIN_VERTICES))) == _PAIR * _MIN_VERTICES


def read_polygon(value: Any, box: Box1000 | None) -> Polygon:
    """Reads a polygon in any spelling; `box` decides about axis order and frame, where it is known.

    Raises:
        MaskRefusedError: with the reason, where the value is no polygon.
    """
    import numpy as np

    rings = tuple(_rings(value, 0))
    count = sum(map(len, rings))
    if count > MAX_VERTICES or len(rings) > MAX_RINGS:
        raise MaskRefusedError(f"expected a polygon, found {count} vertices in {len(rings)} rings")
    if not rings or any(len(ring) < _MIN_VERTICES for ring in rings):
        raise MaskRefusedError(f"expected a polygon, found {count} vertices: too few")
    vertices = np.concatenate(rings)
    if ((vertices >= 0) & (vertices <= 1)).all():
        raise MaskRefusedError("expected a polygon in 0-1000, found fractions of one or a bitmap")
    inside = ((vertices >= 0) & (vertices <= SCALE)).all()
    polygon = Polygon(rings) if inside else Polygon(_mapped(rings, _clamp), ("polygon_clamped",))
    return _fitted(polygon, box, named=_is_named(value)) if box else polygon


def draw(polygon: Polygon, box_px: BoxPx, *, size: tuple[int, int], budget: Budget) -> bytes:
    """The packed bits of the part of the polygon inside `box_px`; `size` is that of the upright image."""
    import numpy as np

    from shared.core.masks.fill import fill

    x0, y0, x1, y1 = box_px
    rings = [ring * size / SCALE - np.array([x0, y0]) for ring in polygon.rings]
    return fill(rings, width=x1 - x0, height=y1 - y0, budget=budget)


def _rings(value: Any, depth: int) -> list[Ring]:
    """Each ring once: `[[x, y], …]`, `[{x, y}, …]`, `[x, y, x, y, …]`, chunks of that, text, or a list of these."""
    if isinstance(value, str):
        return _rings([float(number) for number in _TEXT_NUMBER.findall(value)], depth + 1)
    if isinstance(value, Mapping):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        return _rings(lists[0] if len(lists) == 1 else None, depth + 1)
    if not isinstance(value, list) or depth > _MAX_DEPTH:
        raise MaskRefusedError("expected a polygon, found something nested more deeply or no list at all")
    if bool in set(map(type, value)):
        raise MaskRefusedError("expected a polygon, found a list of true and false")
    if value and all(isinstance(inner, list) and not _is_flat(inner) for inner in value):
        return [ring for inner in value for ring in _rings(inner, depth + 1)]
    return [_ring(value)]


def _is_flat(value: Sequence[Any]) -> bool:
    return all(not isinstance(inner, (list, Mapping)) for inner in value)


def _ring(value: Sequence[Any]) -> Ring:
    """Pairs, chunks of pairs and flat numbers all read as one run of numbers, two for each vertex."""
    import numpy as np

    found: list[Any] = []
    for part in value:
        if isinstance(part, list):
            found += part if len(part) % _PAIR == 0 else [None]
        elif isinstance(part, Mapping):
            found += (part.get("x"), part.get("y"))
        else:
            found.append(part)
    numbers = _finite(found)
    if len(numbers) % _PAIR:
        raise MaskRefusedError(f"expected pairs of numbers, found {len(numbers)} numbers")
    return np.array(numbers, dtype=np.float64).reshape(-1, _PAIR)


def _finite(values: list[Any]) -> list[float]:
    numbers = [number for value in values if (number := read_number(value)) is not None]
    if len(numbers) != len(values):
        raise MaskRefusedError("expected pairs of finite numbers, found something else among them")
    return numbers


def _is_named(value: Any) -> bool:
    """Whether vertices say which of their numbers is x."""
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, Mapping)


def _mapped(rings: tuple[Ring, ...], change: Callable[[Ring], Ring]) -> tuple[Ring, ...]:
    return tuple(change(ring) for ring in rings)


def _clamp(ring: Ring) -> Ring:
    return ring.clip(0, SCALE)


def _fitted(polygon: Polygon, box: Box1000, *, named: bool) -> Polygon:
    """The reading that fits the box best: as documented, with the axes swapped, or relative to the box."""
    import numpy as np

    ymin, xmin, ymax, xmax = box
    corner, share = np.array([xmin, ymin]), np.array([xmax - xmin, ymax - ymin]) / SCALE
    swapped = _mapped(polygon.rings, lambda ring: ring[:, ::-1])
    inside = _mapped(polygon.rings, lambda ring: corner + ring * share)
    readings = [
        (_near(polygon.rings, box) + _overlap(polygon.rings, box), polygon),
        (
            _near(swapped, box) + _overlap(swapped, box) - _HANDICAP_YX - 2 * named,
            Polygon(swapped, (*polygon.notes, "polygon_yx")),
        ),
        (2 * _overlap(inside, box) - _HANDICAP_BOX, Polygon(inside, (*polygon.notes, "polygon_in_box"))),
    ]
    return max(readings, key=lambda reading: reading[0])[1]


def _near(rings: tuple[Ring, ...], box: Box1000) -> float:
    """The share of vertices inside the box, or almost."""
    import numpy as np

    ymin, xmin, ymax, xmax = box
    vertices = np.concatenate(rings)
    low, high = np.array([xmin - SLACK, ymin - SLACK]), np.array([xmax + SLACK, ymax + SLACK])
    return float(((vertices >= low) & (vertices <= high)).all(axis=1).mean())


def _overlap(rings: tuple[Ring, ...], box: Box1000) -> float:
    """How well the extent of the polygon is the box: intersection over union. A box fits its outline tightly."""
    ymin, xmin, ymax, xmax = box
    x0, y0, x1, y1 = _extent(rings)
    shared = max(0.0, min(x1, xmax) - max(x0, xmin)) * max(0.0, min(y1, ymax) - max(y0, ymin))
    return shared / ((x1 - x0) * (y1 - y0) + (xmax - xmin) * (ymax - ymin) - shared)


def _extent(rings: tuple[Ring, ...]) -> tuple[float, float, float, float]:
    import numpy as np

    vertices = np.concatenate(rings)
    (x0, y0), (x1, y1) = vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()
    return x0, y0, x1, y1
