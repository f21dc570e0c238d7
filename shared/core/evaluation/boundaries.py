"""How well the edge of a mask follows that of the true one: the boundary measure F of DAVIS.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", 2016: the harmonic mean
of how much of the found edge lies near the true one, and how much of the true edge near the found one. Near is within
0.8 % of the image's diagonal, rounded up to whole pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shared.core.masks.crop import MaskCrop

NEAR: Final = 0.008


def boundary_f(found: MaskCrop, true: MaskCrop, *, width: int, height: int) -> float:
    """Return F, 0 to 1, of two masks in an image of `width` times `height` pixels."""
    near_px = math.ceil(NEAR * math.hypot(width, height))
    ours, theirs = (_edge(each) for each in _planes(found, true, width=width, height=height))
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = (ours & _widened(theirs, near_px)).sum() / ours.sum()
    recall = (theirs & _widened(ours, near_px)).sum() / theirs.sum()
    both = precision + recall
    return float(2 * precision * recall / both) if both else 0.0


def _planes(*masks: MaskCrop, width: int, height: int) -> list[NDArray[np.bool_]]:
    """Return the masks on the part of the image that holds both, and a pixel around it where the image goes on."""
    top = max(min(mask.top for mask in masks) - 1, 0)
    left = max(min(mask.left for mask in masks) - 1, 0)
    bottom = min(max(mask.top + mask.inside.shape[0] for mask in masks) + 1, height)
    right = min(max(mask.left + mask.inside.shape[1] for mask in masks) + 1, width)
    planes = [np.zeros((max(bottom - top, 0), max(right - left, 0)), dtype=np.bool_) for _ in masks]
    for plane, mask in zip(planes, masks, strict=True):
        rows, columns = mask.inside.shape
        plane[mask.top - top : mask.top - top + rows, mask.left - left : mask.left - left + columns] = mask.inside
    return planes


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that differ from the next one to the right, below, or both; the image's end is no edge."""
    padded = np.pad(inside, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    edge: NDArray[np.bool_] = (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])
    return edge


def _widened(edge: NDArray[np.bool_], radius_px: int) -> NDArray[np.bool_]:
    """Return all pixels within a radius of the edge: a disc is a stack of lines, and a line a difference of sums."""
    rows, columns = edge.shape
    sums = np.zeros((rows, columns + 1), dtype=np.int32)
    np.cumsum(edge, axis=1, out=sums[:, 1:])
    place = np.arange(columns)
    wide = np.zeros_like(edge)
    for down in range(min(radius_px, rows - 1) + 1):
        reach = math.isqrt(radius_px**2 - down**2)
        near = sums[:, np.minimum(place + reach + 1, columns)] > sums[:, np.maximum(place - reach, 0)]
        wide[down:] |= near[: rows - down]
        wide[: rows - down] |= near[down:]
    return wide
