"""Find what looks like lines of text: rows of small, dense strokes. No letter is read.

Strokes are where brightness changes fast from column to column. What is near on a row becomes one line, which is
wider than high, not too high, and holds strokes over most of its width: texture and single edges do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_closing, binary_opening, find_objects, label

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LINES = 25
MIN_STEP = 48
"""Of 255, between neighbouring columns: print on its ground, and not the shades of a surface."""
MIN_HEIGHT_PX, MAX_HEIGHT_SHARE = 4, 0.2
MIN_ASPECT = 1.5
MIN_STROKES = 4
"""Fewer are an edge, or a thing's two sides."""
MIN_DENSITY, MAX_DENSITY = 0.12, 0.8


def find_lines(rgb: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    """Return a mask of the picture's shape for each line, from top to bottom and from left to right."""
    grey = rgb.astype(np.int16).mean(axis=2)
    strokes = np.zeros(grey.shape, dtype=bool)
    strokes[:, 1:] = np.abs(np.diff(grey, axis=1)) > MIN_STEP
    gap = max(5, grey.shape[1] // 30)
    joined = binary_opening(binary_closing(strokes, np.ones((1, gap), dtype=bool)), np.ones((2, gap // 2), dtype=bool))
    numbered, _ = label(joined)
    found = [places for places in find_objects(numbered) if places is not None and _is_line(strokes, places)]
    row_px = max(1, grey.shape[0] // 30)  # pieces of one line begin at nearly the same height
    found.sort(key=lambda places: ((places[0].start + places[0].stop) // 2 // row_px, places[1].start))
    return [_mask(grey.shape, places) for places in found[:MAX_LINES]]


def _is_line(strokes: NDArray[np.bool_], places: tuple[slice, ...]) -> bool:
    inside = strokes[places]
    height, width = inside.shape
    if not MIN_HEIGHT_PX <= height <= MAX_HEIGHT_SHARE * strokes.shape[0] or width < MIN_ASPECT * height:
        return False
    # Ups and downs along the rows: every stroke has two.
    changes = np.diff(inside.astype(np.int8), axis=1) == 1
    busiest = int(changes.sum(axis=1).max()) // 2
    return busiest >= MIN_STROKES and MIN_DENSITY <= float(inside.mean()) <= MAX_DENSITY


def _mask(shape: tuple[int, ...], places: tuple[slice, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    mask[places] = True
    return mask
