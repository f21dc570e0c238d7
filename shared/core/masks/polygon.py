"""Masks that come as a polygon: every spelling that was seen, put into one frame, drawn inside the box.

Documented is `[[x, y], …]` in 0-1000 of the whole image; boxes and points of the same models are `[y, x]`, and
answers mix them up. Where a box is known, the reading that fits it best wins, see `frames`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.core.geometry import SCALE, read_number
from shared.core.masks.frames import extent_of, framed
from shared.core.masks.refused import MaskRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.masks.allowance import MaskAllowance
    from shared.core.masks.frames import Ring
    from shared.core.values import Box1000, BoxPx

MAX_VERTICES = 4_000
MAX_RINGS = 32

_MIN_VERTICES = 3
_MAX_DEPTH = 3
_MAX_TEXT = 64_000
_PAIR = 2
_TEXT = re.compile(r"[\s\d.,;()\[\]+-]+", re.ASCII)
_TEXT_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Polygon:
    """Rings of `(x, y)` in 0-1000 of the upright image; a second ring cuts out of the first what they share.

    `fit` is how well their extent is the box, 0 to 1; `notes` name how the numbers were understood.
    """

    rings: tuple[Ring, ...]
    fit: float
    notes: tuple[str, ...] = ()


def is_polygon_text(value: str) -> bool:
    """Whether a string holds numbers and separators only, and enough of them."""
    if len(value) > _MAX_TEXT or not _TEXT.fullmatch(value):
        return False
    return len(list(islice(_TEXT_NUMBER.finditer(value), _PAIR * _MIN_VERTICES))) == _PAIR * _MIN_VERTICES


def read_polygon(value: Any, box: Box1000, *, size: tuple[int, int]) -> Polygon:
    """Reads a polygon in any spelling; `box` and the `size` of the upright image decide about axis order and frame.

    Raises:
        MaskRefusedError: with the reason, where the value is no polygon, or none of this box.
    """
    rings, notes = _scaled(_checked(value))
    in_frame = framed(rings, box, size=size, named=_is_named(value))
    if in_frame.note is not None:
        notes += (in_frame.note,)
    x0, y0, x1, y1 = extent_of(in_frame.rings)
    if min(x0, y0) >= 0 and max(x1, y1) <= SCALE:
        return Polygon(in_frame.rings, in_frame.fit, notes)
    return Polygon(tuple(ring.clip(0, SCALE) for ring in in_frame.rings), in_frame.fit, (*notes, "polygon_clamped"))


def bounds(value: Any) -> tuple[float, float, float, float] | None:
    """ymin, xmin, ymax and xmax around a polygon, as its numbers are; None where it is none or has no area."""
    try:
        rings = _checked(value)
    except MaskRefusedError:
        return None
    x0, y0, x1, y1 = extent_of(rings)
    return (y0, x0, y1, x1) if x0 < x1 and y0 < y1 else None


def _checked(value: Any) -> tuple[Ring, ...]:
    """The rings of a polygon of a bearable size, whatever its numbers mean."""
    rings = tuple(_rings(value, 0))
    count = sum(map(len, rings))
    if count > MAX_VERTICES or len(rings) > MAX_RINGS:
        raise MaskRefusedError(f"expected a polygon, found {count} vertices in {len(rings)} rings")
    if not rings or any(len(ring) < _MIN_VERTICES for ring in rings):
        raise MaskRefusedError(f"expected a polygon, found {count} vertices: too few")
    x0, y0, x1, y1 = extent_of(rings)
    if x0 == x1 and y0 == y1:
        raise MaskRefusedError(f"expected a polygon, found {count} times the same point")
    return rings


def _scaled(rings: tuple[Ring, ...]) -> tuple[tuple[Ring, ...], tuple[str, ...]]:
    """Rings in fractions of one as thousandths; whole numbers of 0 and 1 are a bitmap."""
    import numpy as np

    vertices = np.concatenate(rings)
    if not ((vertices >= 0) & (vertices <= 1)).all():
        return rings, ()
    if (vertices == np.round(vertices)).all():
        raise MaskRefusedError("expected a polygon in 0-1000, found nothing but 0 and 1: a bitmap")
    return tuple(ring * SCALE for ring in rings), ("polygon_fractions",)


def draw(polygon: Polygon, box_px: BoxPx, *, size: tuple[int, int], allowance: MaskAllowance) -> bytes:
    """The packed bits of the part of the polygon inside `box_px`; `size` is that of the upright image."""
    import numpy as np

    from shared.core.masks.fill import fill

    x0, y0, x1, y1 = box_px
    rings = [ring * size / SCALE - np.array([x0, y0]) for ring in polygon.rings]
    return fill(rings, width=x1 - x0, height=y1 - y0, allowance=allowance)


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

    flat: list[Any] = []
    for part in value:
        if isinstance(part, list):
            flat += part if len(part) % _PAIR == 0 else [None]
        elif isinstance(part, Mapping):
            flat += (part.get("x"), part.get("y"))
        else:
            flat.append(part)
    numbers = _finite(flat)
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
