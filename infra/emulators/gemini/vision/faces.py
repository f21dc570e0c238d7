"""Find upright frontal faces with the cascade of local binary patterns that scikit-image carries."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from skimage.color import rgb2lab
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SIDE = 30
"""Smaller squares are mostly false alarms; in pixels at working size."""
NEIGHBOURS = 8
"""How many overlapping hits make a face: the library's 4 lets fur and cloth through."""
GREY_PICTURE = 4.0


def find_faces(rgb: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Return faces as (top, left, bottom, right) in pixels, the largest first."""
    side = min(rgb.shape[:2])
    if side < MIN_SIDE:
        return []
    hits = _cascade().detect_multi_scale(
        img=np.ascontiguousarray(rgb),
        scale_factor=1.2,
        step_ratio=1,
        min_size=(MIN_SIDE, MIN_SIDE),
        max_size=(side, side),
        min_neighbor_number=NEIGHBOURS,
    )
    boxes = [(int(h["r"]), int(h["c"]), int(h["r"] + h["height"]), int(h["c"] + h["width"])) for h in hits]
    grey = np.ptp(rgb, axis=2).mean() < GREY_PICTURE
    return sorted((box for box in boxes if grey or _warm(rgb, box)), key=lambda box: (box[0] - box[2], box))


def _warm(rgb: NDArray[np.uint8], box: tuple[int, int, int, int]) -> bool:
    """Tell skin, which is redder than green and yellower than blue in every tone, from grey furniture."""
    top, left, bottom, right = box
    inner = rgb[(3 * top + bottom) // 4 : (top + 3 * bottom) // 4, (3 * left + right) // 4 : (left + 3 * right) // 4]
    _, a, b = np.median(rgb2lab(inner).reshape(-1, 3), axis=0)
    return bool(a > 2 and b > 2)  # noqa: PLR2004 - CIELAB, clear of a neutral grey's noise


@lru_cache(maxsize=1)
def _cascade() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())
