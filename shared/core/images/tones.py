"""Tones of more than 8 bits on their way to 8: scaled by the bits in use, or stretched."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from shared.core.images.structure import Structure

_STRIP_PIXELS = 1_000_000
_MIN_STRIP_ROWS = 16
_SHARE_OF_WHITE = 0.001
_FEW_BITS = 12
"""All but a thousandth of a picture decides where it uses so few of 16 bits: what is brighter becomes white."""


def grey_bits_in_use(image: Image.Image) -> int:
    """Return how many of the 16 bits of a grey image its values use, at least 1."""
    import numpy as np

    levels = np.zeros(65_536, dtype=np.int64)
    for strip in _strips(image):
        levels += np.bincount(strip.ravel(), minlength=65_536)
    return _bits(levels.tolist())


def looks_dark(high: Image.Image) -> bool:
    """Whether colours of 16 bits, by their high bytes, may use fewer."""
    levels = _colour_histogram(high)
    return not any(levels[128:]) or _level(levels, 1 - _SHARE_OF_WHITE) < 1 << _FEW_BITS - 8


def colour_bits_in_use(high: Image.Image, low: Image.Image) -> int:
    """Return how many of 16 bits the colours use: by their high bytes, or where those are 0, by the low ones."""
    highs = _colour_histogram(high)
    if _level(highs, 1 - _SHARE_OF_WHITE):
        return _bits([seen for high_level in highs for seen in (high_level, *[0] * 255)])
    return _bits(_colour_histogram(low))


def high_bits_in_use(high: Image.Image) -> int:
    """Return how many of 16 bits the colours use, by their high bytes alone; 8 stands for 8 or fewer."""
    return max(8, _bits([seen for level in _colour_histogram(high) for seen in (level, *[0] * 255)]))


def _bits(levels: Sequence[int]) -> int:
    """Return the bits that a histogram needs.

    Data of 8 to 14 bits in words of 16 are what cameras for X-rays, depth and microscopes write: shown on a scale of
    16 bits, they would be black. A few values far above all others are marks, or faults of a sensor.
    """
    nearly = _level(levels, 1 - _SHARE_OF_WHITE)
    if nearly == 0 or nearly.bit_length() > _FEW_BITS:
        nearly = max((level for level, seen in enumerate(levels) if seen), default=0)
    return max(1, nearly.bit_length())


def grey_table(structure: Structure, used_bits: int) -> NDArray[np.uint8]:
    """Return the 8-bit value of each 16-bit one, where white is the largest value of `used_bits`."""
    import numpy as np

    white = ((1 << used_bits) - 1) << structure.zero_bits
    table = np.rint(np.arange(65_536).clip(0, white) * (255.0 / white)).astype(np.uint8)
    return 255 - table if structure.inverted else table


def words_of(bits: int, used_bits: int) -> str:
    """Say how values of so many bits became 8."""
    if used_bits >= bits:
        return f"{bits} bits a channel scaled to 8"
    return f"{bits} bits a channel scaled to 8: only {used_bits} of them are used, so that it was made brighter"


def finite_extremes(image: Image.Image) -> tuple[float, float]:
    """Return the smallest and the largest finite value; the pair is never equal."""
    import numpy as np

    low, high = math.inf, -math.inf
    for strip in _strips(image):
        finite = strip[np.isfinite(strip)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def looked_up(strip: Image.Image, *, table: NDArray[np.uint8]) -> Image.Image:
    """Return an 8-bit copy of a 16-bit grey strip."""
    import numpy as np
    from PIL import Image

    return Image.fromarray(table[np.asarray(strip)])


def stretched(strip: Image.Image, *, black: float, white: float) -> Image.Image:
    """Return an 8-bit copy of a strip of numbers; what is no number is black, what is endless white."""
    import numpy as np
    from PIL import Image

    with np.errstate(invalid="ignore", over="ignore"):
        values = (np.asarray(strip).astype(np.float64) - black) * (255.0 / (white - black))
        clean = np.nan_to_num(values, nan=0.0, posinf=255.0, neginf=0.0)
        return Image.fromarray(np.rint(clean.clip(0, 255)).astype(np.uint8))


def joined(high: Image.Image, low: Image.Image, *, used_bits: int) -> Image.Image:
    """Return strips of high and low bytes as one of 8 bits, where white is the largest value of `used_bits`.

    An alpha channel is only rounded: what it uses says nothing of what white is.
    """
    import numpy as np
    from PIL import Image

    white = (1 << used_bits) - 1
    values = np.asarray(high).astype(np.uint16) << 8 | np.asarray(low)
    scaled = np.rint(values.clip(0, white) * (255.0 / white)).astype(np.uint8)
    if high.mode == "RGBA":
        scaled[..., 3] = np.asarray(high)[..., 3]
    return Image.fromarray(scaled, high.mode)


def _colour_histogram(image: Image.Image) -> list[int]:
    counts = image.histogram()
    bands = [counts[at : at + 256] for at in range(0, len(counts), 256)]
    bands = bands if image.mode == "CMYK" else bands[:3]
    return [sum(column) for column in zip(*bands, strict=True)]


def _level(levels: Sequence[int], share: float) -> int:
    """Return the level that this share of all values does not exceed."""
    wanted = share * sum(levels)
    return next((level for level, seen in enumerate(accumulate(levels)) if seen >= wanted), 0)


def _strips(image: Image.Image) -> Iterator[NDArray[np.generic]]:
    import numpy as np

    rows = max(_MIN_STRIP_ROWS, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
