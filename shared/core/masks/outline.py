"""Traces a mask: the outer edges of its pixels as closed rings of corners, exact, over numpy alone.

One horizontal and one vertical edge meet in each corner of such an outline, and along a line of the grid corners
pair up, the first with the second, the third with the fourth. So two sorts find every edge, and nothing but
corners is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


_FEWEST_CORNERS = 3


class _Corners(NamedTuple):
    """All corners in reading order; `across` and `along` are the other end of each one's edge in its row and column."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    across: list[int]
    along: list[int]


def outer_rings(inside: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Yield each outer ring of a mask (rows by columns) as `(n, 2)` corners `(x, y)`, clockwise from its top left.

    Corners lie between pixels, `0 <= x <= columns`. Pixels that touch by a corner alone belong to two rings. Holes
    are left out: drawn together, the rings are the mask with its holes filled.
    """
    padded = np.pad(inside, 1)
    corners = _corners(padded)
    left = np.ones(len(corners.x), dtype=np.bool_)
    for start in range(len(left)):
        if not left[start]:
            continue
        ring = _walk(corners, start)
        left[ring] = False
        # A ring's first corner in reading order is its top left: the pixel in it tells a mask from a hole.
        if padded[corners.y[start] + 1, corners.x[start] + 1]:
            yield np.stack([corners.x[ring], corners.y[ring]], axis=1)


def simplified(ring: NDArray[np.intp], *, tolerance_px: float) -> NDArray[np.intp]:
    """Return those corners of a ring that keep all others within a distance of the outline (Douglas and Peucker).

    A ring that would shrink to a line is returned as it is.
    """
    if tolerance_px <= 0:
        return ring
    closed = np.vstack([ring, ring[:1]])
    last = len(ring)
    farthest = int(_distances(closed, 0, last).argmax()) + 1
    kept = np.zeros(len(closed), dtype=np.bool_)
    kept[[0, farthest]] = True
    pieces = [(0, farthest), (farthest, last)]
    while pieces:
        start, end = pieces.pop()
        away = _distances(closed, start, end)
        if away.size and away.max() > tolerance_px:
            middle = start + 1 + int(away.argmax())
            kept[middle] = True
            pieces += [(start, middle), (middle, end)]
    return ring[kept[:-1]] if kept.sum() >= _FEWEST_CORNERS else ring


def _distances(points: NDArray[np.intp], start: int, end: int) -> NDArray[np.float64]:
    """How far the points between two others lie from the line through these, or from both where they are one."""
    direction, between = points[end] - points[start], points[start + 1 : end] - points[start]
    length = np.hypot(direction[0], direction[1])
    beside = np.abs(direction[0] * between[:, 1] - direction[1] * between[:, 0])
    away: NDArray[np.float64] = beside / length if length else np.hypot(between[:, 0], between[:, 1])
    return away


def _corners(padded: NDArray[np.bool_]) -> _Corners:
    top_left, top_right = padded[:-1, :-1], padded[:-1, 1:]
    low_left, low_right = padded[1:, :-1], padded[1:, 1:]
    touch = (top_left == low_right) & (top_right == low_left) & (top_left != top_right)
    y, x = np.nonzero(touch | (top_left ^ top_right ^ low_left ^ low_right))
    # Where two pixels touch by a corner, each has one of its own: first the one whose edge goes to the left.
    times = 1 + touch[y, x]
    rising = np.repeat(touch[y, x] & top_right[y, x], times)
    y, x = np.repeat(y, times), np.repeat(x, times)
    second = np.zeros(len(x), dtype=np.bool_)
    second[1:] = (x[1:] == x[:-1]) & (y[1:] == y[:-1])
    # In a column, the one whose edge goes up comes first: of a rising pair, that is the right one.
    down = np.lexsort((second ^ rising, y, x))
    along = np.empty_like(down)
    along[down[0::2]], along[down[1::2]] = down[1::2], down[0::2]
    return _Corners(x, y, (np.arange(len(x)) ^ 1).tolist(), along.tolist())


def _walk(corners: _Corners, start: int) -> list[int]:
    ring, corner = [], start
    while True:
        ring += [corner, corners.across[corner]]
        corner = corners.along[ring[-1]]
        if corner == start:
            return ring
