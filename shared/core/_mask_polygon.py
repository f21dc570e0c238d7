"""Masks that come as a polygon: every spelling that was seen, put into one frame, drawn inside the box.

Documented is `[[x, y], …]` in 0-1000 of the whole image; boxes and points of the same models are `[y, x]`, and
answers mix them up. Where a box is known, the reading that fits it best wins; the documented one leads by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core._mask_refused import MaskRefusedError
from shared.core.geometry import SCALE, read_number

if TYPE_CHECKING:
    from shared.core.model import Box1000, BoxPx

MAX_VERTICES = 4_000
MAX_RINGS = 32
SLACK = 40
"""Thousandths by which a vertex may lie outside of its box and still count as inside."""

Point = tuple[float, float]
Ring = tuple[Point, ...]

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
    return len(_TEXT_NUMBER.findall(value)) >= _PAIR * _MIN_VERTICES


def read_polygon(value: Any, box: Box1000 | None) -> Polygon:
    """Reads a polygon in any spelling; `box` decides about axis order and frame, where it is known.

    Raises:
        MaskRefusedError: with the reason, where the value is no polygon.
    """
    rings = tuple(_rings(value, 0))
    vertices = [vertex for ring in rings for vertex in ring]
    if len(vertices) > MAX_VERTICES or len(rings) > MAX_RINGS:
        raise MaskRefusedError(f"expected a polygon, found {len(vertices)} vertices in {len(rings)} rings")
    if not rings or any(len(ring) < _MIN_VERTICES for ring in rings):
        raise MaskRefusedError(f"expected a polygon, found {len(vertices)} vertices: too few")
    if all(0 <= x <= 1 and 0 <= y <= 1 for x, y in vertices):
        raise MaskRefusedError("expected a polygon in 0-1000, found fractions of one or a bitmap")
    polygon = _clamped(Polygon(rings))
    return _fitted(polygon, box, named=_is_named(value)) if box else polygon


def draw(polygon: Polygon, box_px: BoxPx, *, width: int, height: int) -> bytes:
    """The part of the polygon inside `box_px`, one byte (0 or 255) per pixel of that box."""
    from PIL import Image, ImageChops, ImageDraw

    x0, y0, x1, y1 = box_px
    size = (x1 - x0, y1 - y0)
    layers: list[Image.Image] = []
    for ring in polygon.rings:
        layer = Image.new("L", size)
        pixels = [(x * width / SCALE - x0, y * height / SCALE - y0) for x, y in ring]
        ImageDraw.Draw(layer).polygon(pixels, fill=255)
        layers = [ImageChops.difference(layers[0], layer)] if layers else [layer]
    return layers[0].tobytes()


def _rings(value: Any, depth: int) -> list[Ring]:
    """Each ring once: `[[x, y], …]`, `[{x, y}, …]`, `[x, y, x, y, …]`, chunks of that, text, or a list of these."""
    if isinstance(value, str):
        return _rings([float(number) for number in _TEXT_NUMBER.findall(value)], depth + 1)
    if isinstance(value, Mapping):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        return _rings(lists[0] if len(lists) == 1 else None, depth + 1)
    if not isinstance(value, list) or depth > _MAX_DEPTH:
        raise MaskRefusedError("expected a polygon, found something nested more deeply or no list at all")
    if any(isinstance(inner, bool) for inner in value):
        raise MaskRefusedError("expected a polygon, found a list of true and false")
    if value and all(isinstance(inner, list) and not _is_flat(inner) for inner in value):
        return [ring for inner in value for ring in _rings(inner, depth + 1)]
    return [_ring(value)]


def _is_flat(value: Sequence[Any]) -> bool:
    return all(not isinstance(inner, (list, Mapping)) for inner in value)


def _ring(value: Sequence[Any]) -> Ring:
    """Pairs, chunks of pairs and flat numbers all read as one run of numbers, two for each vertex."""
    numbers = [number for part in value for number in _numbers(part)]
    if len(numbers) % _PAIR:
        raise MaskRefusedError(f"expected pairs of numbers, found {len(numbers)} numbers")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _numbers(part: Any) -> list[float]:
    inside = [part.get("x"), part.get("y")] if isinstance(part, Mapping) else part
    listed = inside if isinstance(inside, list) else [inside]
    numbers = [number for value in listed if (number := read_number(value)) is not None]
    if len(numbers) != len(listed) or (isinstance(part, list) and len(listed) % _PAIR):
        raise MaskRefusedError("expected pairs of finite numbers, found something else among them")
    return numbers


def _is_named(value: Any) -> bool:
    """Whether vertices say which of their numbers is x."""
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    return isinstance(first, Mapping)


def _clamped(polygon: Polygon) -> Polygon:
    inside = tuple(tuple((_clamp(x), _clamp(y)) for x, y in ring) for ring in polygon.rings)
    return polygon if inside == polygon.rings else Polygon(inside, ("polygon_clamped",))


def _clamp(number: float) -> float:
    return min(max(number, 0.0), float(SCALE))


def _fitted(polygon: Polygon, box: Box1000, *, named: bool) -> Polygon:
    """The reading that fits the box best: as documented, with the axes swapped, or relative to the box."""
    ymin, xmin, ymax, xmax = box
    high, wide = (ymax - ymin) / SCALE, (xmax - xmin) / SCALE
    swapped = tuple(tuple((x, y) for y, x in ring) for ring in polygon.rings)
    inside = tuple(tuple((xmin + x * wide, ymin + y * high) for x, y in ring) for ring in polygon.rings)
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
    ymin, xmin, ymax, xmax = box
    vertices = [vertex for ring in rings for vertex in ring]
    near = sum(xmin - SLACK <= x <= xmax + SLACK and ymin - SLACK <= y <= ymax + SLACK for x, y in vertices)
    return near / len(vertices)


def _overlap(rings: tuple[Ring, ...], box: Box1000) -> float:
    """How well the extent of the polygon is the box: intersection over union. A box fits its outline tightly."""
    ymin, xmin, ymax, xmax = box
    x0, y0, x1, y1 = _extent(rings)
    shared = max(0.0, min(x1, xmax) - max(x0, xmin)) * max(0.0, min(y1, ymax) - max(y0, ymin))
    return shared / ((x1 - x0) * (y1 - y0) + (xmax - xmin) * (ymax - ymin) - shared)


def _extent(rings: tuple[Ring, ...]) -> tuple[float, float, float, float]:
    xs = [x for ring in rings for x, _ in ring]
    ys = [y for ring in rings for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)
