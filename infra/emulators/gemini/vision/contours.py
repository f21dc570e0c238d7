"""A mask as the two things models answer: a polygon over the picture, or a small PNG over the box."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.measure import approximate_polygon, find_contours

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_POINTS = 60
TOLERANCE = 0.8
"""How far a simplified outline may stray, in pixels, before any blur."""
MASK_SIDE = 256
"""What Gemini 2.5 sends: 256 x 256, 8-bit grey, two values."""


def box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the smallest box (ymin, xmin, ymax, xmax) in thousandths that holds a mask of shape (h, w)."""
    top, left, bottom, right = _extent(mask)
    height, width = mask.shape
    return (
        top * 1000 // height,
        left * 1000 // width,
        math.ceil(bottom * 1000 / height),
        math.ceil(right * 1000 / width),
    )


def polygon_of(mask: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """Return the outline of the mask's largest part as (x, y) in thousandths, at most 60 points."""
    blur = 0.0
    outline = _outline(mask, blur)
    # Rounding a ragged outline first keeps its course; a larger tolerance alone would turn it into spikes.
    while len(outline) > MAX_POINTS:
        blur += 1
        outline = _outline(mask, blur)
    return tuple((int(x), int(y)) for y, x in np.rint(outline * 1000 / np.array(mask.shape)).astype(int))


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """Return the part of the mask inside its box as a 256 x 256 grey PNG of 0 and 255."""
    top, left, bottom, right = _extent(mask)
    crop = Image.fromarray(mask[top:bottom, left:right].astype(np.uint8) * 255)
    stretched = crop.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    stretched.point(lambda value: 255 if value > 127 else 0).save(buffer, "PNG", compress_level=9)  # noqa: PLR2004 - half
    return buffer.getvalue()


def _extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _outline(mask: NDArray[np.bool_], blur: float) -> NDArray[np.float64]:
    # The frame of zeros closes contours at the picture's edge; half a pixel moves centres to corners.
    padded = gaussian_filter(np.pad(mask, 1).astype(float), blur)
    outline = max(find_contours(padded, padded.max() / 2), key=_area) - 0.5
    top, left, bottom, right = _extent(mask)
    simple = approximate_polygon(outline, TOLERANCE * (1 + blur))[:-1]
    if len(simple) < 3:  # noqa: PLR2004 - a triangle is the least that has an area
        simple = np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=float)
    return np.asarray(simple.clip((top, left), (bottom, right)))


def _area(contour: NDArray[Any]) -> float:
    y, x = contour[:, 0], contour[:, 1]
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
