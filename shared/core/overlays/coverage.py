"""Scales packed masks down to the picture they are laid over, a band at a time."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from shared.core.masks.bits import row_bytes

if TYPE_CHECKING:
    from PIL import Image

    from shared.core.masks.bits import Bits

_BAND_PIXELS: Final = 1 << 21
"""Of the mask, unpacked at once: one byte each."""


def coverage(bitmap: bytes, size: tuple[int, int], *, to: tuple[int, int]) -> Image.Image:
    """Return how much of each pixel of a picture of size `to` the packed mask of `size` covers: 0 to 255."""
    import numpy as np
    from PIL import Image

    width, height = size
    bits = np.frombuffer(bitmap, dtype=np.uint8).reshape(height, row_bytes(width))
    scaled = Image.new("L", to)
    rows = max(1, _BAND_PIXELS // width * to[1] // height)
    for top in range(0, to[1], rows):
        bottom = min(top + rows, to[1])
        between = top * height / to[1], bottom * height / to[1]
        scaled.paste(_band(bits, width, between, to=(to[0], bottom - top)), (0, top))
    return scaled


def _band(bits: Bits, width: int, between: tuple[float, float], *, to: tuple[int, int]) -> Image.Image:
    """Return the rows between two heights, which may lie within a row, scaled."""
    import numpy as np
    from PIL import Image

    top, bottom = between
    first, last = int(top), min(ceil(bottom), len(bits))
    pixels = np.unpackbits(bits[first:last], axis=1, count=width)
    np.negative(pixels, out=pixels)  # 1 becomes 255
    box = (0, top - first, width, min(bottom - first, last - first))
    return Image.fromarray(pixels).resize(to, Image.Resampling.BOX, box=box)
