"""Fits a picture to the box of its mask: which part of it is the box, at which size, above which threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.geometry import SCALE
from shared.core.masks.bits import widened
from shared.core.masks.frames import GOOD_FIT, fit, overlap
from shared.core.masks.png_reading import decode_png

if TYPE_CHECKING:
    from PIL.Image import Image

    from shared.core.masks.allowance import MaskAllowance
    from shared.core.masks.frames import Extent
    from shared.core.values import Box1000, BoxPx

THRESHOLD = 127
"""Pixels above it belong to the mask: the guides' midpoint. Real masks hold 0 and 255 only: it acts on what a resize
blurs."""

_COARSEST = 1024
"""Pixels along a side that a resize makes at least, before pixels are repeated to fill a larger box."""

_STEPS_PER_PIXEL = 2  # of both halves of a resize
_LEAD = 0.25
"""By how much the whole image must fit better than the box to be the frame of a picture of any other size."""

_SAME_SHAPE = 0.02


@dataclass(frozen=True, slots=True)
class MaskPlace:
    """Where a mask belongs: its box in both units, in an upright image of `size` (width, height) in pixels."""

    box: Box1000
    box_px: BoxPx
    size: tuple[int, int]

    @property
    def width(self) -> int:
        """Of the box, in pixels."""
        return self.box_px[2] - self.box_px[0]

    @property
    def height(self) -> int:
        """Of the box, in pixels."""
        return self.box_px[3] - self.box_px[1]


@dataclass(frozen=True, slots=True)
class MaskWish:
    """How masks are wanted: pixels above `threshold` (0 to 254) count; `soft` keeps the probabilities beside them."""

    threshold: int = THRESHOLD
    soft: bool = False


@dataclass(frozen=True, slots=True)
class PngMask:
    """A mask as packed bits of its box; `soft` holds its probabilities, one byte per pixel, if they are wanted."""

    bitmap: bytes
    fit: float
    soft: bytes
    notes: tuple[str, ...]


def read_png(value: str, place: MaskPlace, *, allowance: MaskAllowance, wish: MaskWish) -> PngMask:
    """The mask in a data URL or in bare base64, inside of its box.

    Raises:
        MaskRefusedError: with the reason, for anything but one complete PNG of a bearable size that fits its box.
    """
    grey = decode_png(value, allowance)
    part, found, notes = _framed(grey, place, wish.threshold)
    across = _step(place.width, round(part[2] - part[0]))
    down = _step(place.height, round(part[3] - part[1]))
    size = -(-place.width // across), -(-place.height // down)
    allowance.spend(_STEPS_PER_PIXEL * size[0] * (grey.height + size[1]))  # a resize goes row by row, then down
    resized = _resized(grey, size, part)
    bitmap = _packed(resized, across, down, place=place, threshold=wish.threshold)
    if not wish.soft:
        return PngMask(bitmap, found, b"", notes)
    if not allowance.has_soft(place.width * place.height):
        return PngMask(bitmap, found, b"", (*notes, "soft_mask_left_out"))
    return PngMask(bitmap, found, _soft(resized, across, down, place=place), notes)


def _framed(grey: Image, place: MaskPlace, threshold: int) -> tuple[Extent, float, tuple[str, ...]]:
    """The part of a picture that is the box, in pixels of the picture; how well it fits; and a note."""
    whole = (0.0, 0.0, float(grey.width), float(grey.height))
    lit = _lit(grey, threshold)
    if lit is None:
        return whole, 0.0, ()  # nothing is set: no frame fits, and the mask will be refused for that
    ymin, xmin, ymax, xmax = place.box
    x0, y0, x1, y1 = lit
    in_box = (
        xmin + x0 * (xmax - xmin),
        ymin + y0 * (ymax - ymin),
        xmin + x1 * (xmax - xmin),
        ymin + y1 * (ymax - ymin),
    )
    in_image = (x0 * SCALE, y0 * SCALE, x1 * SCALE, y1 * SCALE)
    if not _is_of_image(grey, place, overlap(in_box, place.box), overlap(in_image, place.box)):
        return whole, fit(in_box, place.box, what="PNG"), ()
    found = fit(in_image, place.box, what="PNG of the whole image")
    across, down = grey.width / SCALE, grey.height / SCALE
    return (xmin * across, ymin * down, xmax * across, ymax * down), found, ("png_of_image",)


def _is_of_image(grey: Image, place: MaskPlace, fit_of_box: float, fit_of_image: float) -> bool:
    """Whether a picture shows the whole image and not the box: by its shape, or by where its pixels are set."""
    if _has_shape_of_image(grey, place):
        return fit_of_image > fit_of_box or fit_of_box < GOOD_FIT
    return fit_of_image >= GOOD_FIT and fit_of_image > fit_of_box + _LEAD


def _has_shape_of_image(grey: Image, place: MaskPlace) -> bool:
    """Whether a picture has the size of the image, or its proportions, which are not those of every mask: square."""
    if grey.size == place.size:
        return True
    shape, other = grey.width * place.size[1], grey.height * place.size[0]
    return grey.width != grey.height and abs(shape - other) <= _SAME_SHAPE * max(shape, other)


def _lit(grey: Image, threshold: int) -> Extent | None:
    """What holds all pixels above the threshold: x0, y0, x1, y1 as shares of the picture; None where there is none."""
    import numpy as np

    above = np.asarray(grey) > threshold
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    if not rows.size:
        return None
    return (
        float(columns[0]) / grey.width,
        float(rows[0]) / grey.height,
        float(columns[-1] + 1) / grey.width,
        float(rows[-1] + 1) / grey.height,
    )


def _step(side: int, sent: int) -> int:
    """How many pixels of the box share one pixel of the resize, along a side: one below twice `_COARSEST`.

    Real masks hold 64 to 256 pixels along a side, and their boxes are known to a thousandth of the image.
    """
    return max(1, side // max(sent, _COARSEST))


def _resized(grey: Image, size: tuple[int, int], part: Extent) -> Image:
    from PIL import Image

    return grey.resize(size, Image.Resampling.BILINEAR, box=part)


def _packed(grey: Image, across: int, down: int, *, place: MaskPlace, threshold: int) -> bytes:
    """Threshold and pack, then repeat each pixel to fill the box: one byte per pixel of a large box never exists."""
    import numpy as np

    bits = np.packbits(np.asarray(grey) > threshold, axis=1)
    if across > 1:
        bits = widened(bits, across, width=place.width)
    return (bits if down == 1 else bits[np.arange(place.height) // down]).tobytes()


def _soft(grey: Image, across: int, down: int, *, place: MaskPlace) -> bytes:
    """All values, each repeated to fill the box."""
    import numpy as np

    rows, columns = np.arange(place.height) // down, np.arange(place.width) // across
    return np.asarray(grey)[rows][:, columns].tobytes()
