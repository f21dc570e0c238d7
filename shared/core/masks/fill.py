"""Fills polygons straight into packed bits; a picture of one byte per pixel is never made.

A pixel is inside where its centre is, by the even-odd rule over all rings. In every column an edge toggles the first
pixel whose centre lies below it; XOR from row to row then fills all columns at once. So the cost is the columns that
edges cross and the bits of the box. Scan lines that look at every edge, as Pillow's do, take vertices times rows, and
vertices squared times rows where slopes are whole.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shared.core.masks.bits import row_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shared.core.masks.allowance import MaskAllowance
    from shared.core.masks.bits import Bits

    Points = NDArray[np.float64]
    """`(n, 2)`: x and y."""

_STEPS_PER_CROSSING = 25
_CROSSINGS_AT_ONCE = 1 << 16  # small enough for the arrays of one part to stay in a core's cache
_MAX_OUTLINE = 100_000  # pixels: the outline of anything thin is far shorter


def fill(rings: Sequence[Points], *, width: int, height: int, allowance: MaskAllowance) -> bytes:
    """The packed mask of `width` times `height` pixels; rings are closed, in pixels, and may lie outside of it.

    What is so thin that it holds no centre of a pixel keeps the pixels of its outline.

    Raises:
        MaskRefusedError: if the rings cross more columns than the allowance has steps for.
    """
    import numpy as np

    starts = np.concatenate(rings)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    bits = np.zeros((height, row_bytes(width)), dtype=np.uint8)
    _toggle_edges(bits, starts, ends, width=width, allowance=allowance)
    for above, row in pairwise(bits):
        np.bitwise_xor(row, above, out=row)
    if len(rings) == 1 and not bits.any():
        _trace(bits, starts, ends, width=width)
    return bits.tobytes()


def _toggle_edges(bits: Bits, starts: Points, ends: Points, *, width: int, allowance: MaskAllowance) -> None:
    """Toggle, per edge and column whose centre it crosses, the first pixel at or below the edge."""
    import numpy as np

    rightward = (starts[:, 0] <= ends[:, 0])[:, None]
    left, right = np.where(rightward, starts, ends), np.where(rightward, ends, starts)
    first = np.clip(np.ceil(left[:, 0] - 0.5), 0, width).astype(np.int64)
    counts = np.clip(np.ceil(right[:, 0] - 0.5), 0, width).astype(np.int64) - first
    crossing = counts > 0
    left, right, first, counts = left[crossing], right[crossing], first[crossing], counts[crossing]
    allowance.spend(_STEPS_PER_CROSSING * int(counts.sum()))
    span = right - left
    for part in _parts(counts):
        edge, column = _columns(first[part], counts[part])
        x0, y0, wide, high = left[part, 0][edge], left[part, 1][edge], span[part, 0][edge], span[part, 1][edge]
        # Multiplied before it is divided: where corners are whole, a centre on an edge is met exactly.
        y = y0 + (column + 0.5 - x0) * high / wide
        _toggle(bits, column, np.ceil(y - 0.5))


def _parts(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Runs of edges that cross about `_CROSSINGS_AT_ONCE` columns together."""
    import numpy as np

    total = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + _CROSSINGS_AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop


def _columns(first: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each crossing once: the number of its edge and of its column."""
    import numpy as np

    edge = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return edge, np.arange(len(edge)) + (first - before)[edge]


def _toggle(bits: Bits, column: NDArray[np.int64], row: Points) -> None:
    import numpy as np

    inside = row < len(bits)
    column, down = column[inside], np.maximum(row[inside], 0).astype(np.int64)
    place = down * bits.shape[1] + (column >> 3)
    np.bitwise_xor.at(bits.reshape(-1), place, (0x80 >> (column & 7)).astype(np.uint8))


def _trace(bits: Bits, starts: Points, ends: Points, *, width: int) -> None:
    """Set the pixels that the edges pass."""
    import numpy as np

    spans = ends - starts
    counts = np.ceil(np.abs(spans).max(axis=1)).astype(np.int64) + 1
    if int(counts.sum()) > _MAX_OUTLINE:
        return
    edge, step = _columns(np.zeros_like(counts), counts)
    points = starts[edge] + spans[edge] * (step / counts[edge])[:, None]
    inside = ((points >= 0) & (points < (width, len(bits)))).all(axis=1)
    column, row = points[inside].astype(np.int64).T
    np.bitwise_or.at(bits, (row, column >> 3), (0x80 >> (column & 7)).astype(np.uint8))
