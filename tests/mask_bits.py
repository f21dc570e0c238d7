"""Masks between the packed bits that Uplook keeps and arrays of pixels that tests can look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from shared.core.values import Mask


def packed(pixels: ArrayLike) -> bytes:
    """Return the bitmap of rows of pixels; those that are not 0 are inside."""
    return np.packbits(np.asarray(pixels) != 0, axis=1).tobytes()


def pixels_of(mask: Mask) -> NDArray[np.uint8]:
    """Return one byte (0 or 255) per pixel of the mask's box; the bitmap must have exactly its size."""
    assert mask.box_px is not None
    x0, y0, x1, y1 = mask.box_px
    rows: NDArray[Any] = np.frombuffer(mask.bitmap, dtype=np.uint8).reshape(y1 - y0, (x1 - x0 + 7) // 8)
    return np.unpackbits(rows, axis=1, count=x1 - x0) * np.uint8(255)
