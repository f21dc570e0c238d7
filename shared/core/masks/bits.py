"""Packed masks: one bit per pixel, rows top down, each padded with zeros to whole bytes, the leftmost pixel on top.

It is the layout of a 1-bit PNG and of Pillow's mode "1", so that masks are drawn, counted, shifted and written an
eighth of the size, and only what a moment needs is ever unpacked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shared.core.values import BoxPx

    Bits = NDArray[np.uint8]
    """Rows of packed pixels, `(height, row_bytes(width))`."""


def row_bytes(width: int) -> int:
    """The bytes of one row."""
    return (width + 7) // 8


def packed_size(box_px: BoxPx) -> int:
    """The bytes of a mask of this box."""
    x0, y0, x1, y1 = box_px
    return row_bytes(x1 - x0) * (y1 - y0)


def area(bitmap: bytes) -> int:
    """How many pixels are inside."""
    import numpy as np

    return int(np.bitwise_count(np.frombuffer(bitmap, dtype=np.uint8)).sum())


def widened(bits: Bits, times: int, *, width: int) -> Bits:
    """Each pixel `times` over along its row, as far as `width`: a byte becomes as many bytes, by a table."""
    import numpy as np

    single = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    table = np.packbits(np.repeat(single, times, axis=1), axis=1)
    wide = table[bits].reshape(len(bits), -1)[:, : row_bytes(width)]
    wide[:, -1] &= (0xFF << (-width % 8)) & 0xFF
    return wide
