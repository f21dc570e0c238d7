"""Boxes: from whatever a model sent to 0-1000, from 0-1000 to pixels, and between the two pixel frames."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.values import is_transposed

if TYPE_CHECKING:
    from shared.core.values import Box1000, BoxPx

SCALE = 1000
"""Gemini answers in thousandths of the upright image, whatever its size."""

SIDES = ("ymin", "xmin", "ymax", "xmax")
"""The order of a box without names."""

_NUMBER = re.compile(r"\s*[+-]?\d{1,6}(?:\.\d{1,6})?\s*", re.ASCII)
_MIRRORED_X = frozenset({2, 3, 6, 7})  # EXIF orientations as flips of the upright grid, then a transposition
_MIRRORED_Y = frozenset({3, 4, 7, 8})


@dataclass(frozen=True, slots=True)
class BoxReading:
    """A box, or the reason why there is none; `notes` name what had to be done to it."""

    box: Box1000 | None
    reason: str | None = None
    notes: tuple[str, ...] = ()


def read_number(value: object) -> float | None:
    """A finite number, or a string of at most six digits that is one; booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


def are_fractions(numbers: Iterable[float]) -> bool:
    """Whether all lie within 0-1 and not all are whole: another scale than 0-1000, which is not guessed at."""
    known = tuple(numbers)
    return all(0 <= number <= 1 for number in known) and not all(number.is_integer() for number in known)


def side_keys(value: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The keys of an object that names all four sides (`ymin`, `y_min`, `yMin`), in the order of `SIDES`."""
    plain = {key.replace("_", "").lower(): key for key in value}
    return tuple(plain[side] for side in SIDES) if all(side in plain for side in SIDES) else None


def read_box(value: Any) -> BoxReading:
    """Reads `[ymin, xmin, ymax, xmax]`, or an object with these four names (`x_min` and `xMin` as well).

    Numbers are rounded, clamped to 0-1000 (`clamped`) and put in order (`reordered`). A box without area, with
    another number of numbers, or in fractions of one is rejected. Only an object with named sides may hold
    fractions (`fractions`): that is how detectors of other families are asked, and then the scale is evident.
    """
    names = side_keys(value) if isinstance(value, Mapping) else None
    sides = [value[name] for name in names] if names else value
    if not isinstance(sides, (list, tuple)) or len(sides) != len(SIDES):
        return BoxReading(None, f"a box has four numbers, this has {_describe(value)}")
    numbers = [number for side in sides if (number := read_number(side)) is not None]
    if len(numbers) != len(SIDES):
        return BoxReading(None, "a box has four finite numbers, one of these is something else")
    if not are_fractions(numbers):
        return _settle(numbers, ())
    if names is None:
        return BoxReading(None, "a box is given in 0-1000, this one in fractions of one")
    return _settle([number * SCALE for number in numbers], ("fractions",))


def to_pixels(box: Box1000, *, width: int, height: int) -> BoxPx:
    """The smallest pixel box that covers `box`: minima rounded down, maxima up, at least one pixel, inside.

    >>> to_pixels((250, 0, 500, 333), width=640, height=480)
    (0, 120, 214, 240)
    """
    ymin, xmin, ymax, xmax = box
    return (
        xmin * width // SCALE,
        ymin * height // SCALE,
        -(-xmax * width // SCALE),
        -(-ymax * height // SCALE),
    )


def to_stored(box: BoxPx, *, width: int, height: int, orientation: int) -> BoxPx:
    """The same pixels in the grid of the file; `width` and `height` are those of the upright image."""
    x0, y0, x1, y1 = _mirror(box, width=width, height=height, orientation=orientation)
    return (y0, x0, y1, x1) if is_transposed(orientation) else (x0, y0, x1, y1)


def to_upright(box: BoxPx, *, width: int, height: int, orientation: int) -> BoxPx:
    """The inverse of `to_stored`; `width` and `height` are those of the upright image here too."""
    x0, y0, x1, y1 = box
    straight = (y0, x0, y1, x1) if is_transposed(orientation) else box
    return _mirror(straight, width=width, height=height, orientation=orientation)


def _mirror(box: BoxPx, *, width: int, height: int, orientation: int) -> BoxPx:
    x0, y0, x1, y1 = box
    if orientation in _MIRRORED_X:
        x0, x1 = width - x1, width - x0
    if orientation in _MIRRORED_Y:
        y0, y1 = height - y1, height - y0
    return x0, y0, x1, y1


def _settle(numbers: list[float], notes: tuple[str, ...]) -> BoxReading:
    inside = [min(max(round(number), 0), SCALE) for number in numbers]
    if inside != [round(number) for number in numbers]:
        notes += ("clamped",)
    ymin, xmin, ymax, xmax = inside
    if ymin > ymax or xmin > xmax:
        notes += ("reordered",)
    box = (min(ymin, ymax), min(xmin, xmax), max(ymin, ymax), max(xmin, xmax))
    if ymin == ymax or xmin == xmax:
        return BoxReading(None, f"a box has an area, this one has none: {list(box)}", notes)
    return BoxReading(box, None, notes)


def _describe(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{len(value)} entries"
    return {dict: "other names", str: "a text", type(None): "nothing"}.get(type(value), "a single value")
