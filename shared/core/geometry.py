"""Boxes: from 0-1000 to pixels, and between the two pixel frames. How a model spells them is read in `replies`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

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


def read_number(value: object) -> float | None:
    """A finite number, or a string of at most six digits that is one; booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


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
