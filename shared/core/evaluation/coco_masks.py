"""The three spellings of a mask in COCO, read as pycocotools reads them: polygons, runs, and runs as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shared.core.masks.crop import MaskCrop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FINER: Final = 5
"""pycocotools walks an outline on a grid five times as fine as the pixels."""
_FEWEST_NUMBERS: Final = 6
_MOST_COORDINATE: Final = 1e6
_FIRST_CHAR: Final = 48
_LAST_CHAR: Final = _FIRST_CHAR + 63
_CHAR_BITS: Final = 5
_LOW: Final = 0x1F
_MORE: Final = 0x20
_SIGN: Final = 0x10
_PLAIN_COUNTS: Final = 2
EMPTY: Final = MaskCrop(np.zeros((0, 0), dtype=np.bool_), 0, 0)
"""A mask without a pixel."""


def read_segmentation(segmentation: Any, *, width: int, height: int) -> MaskCrop:
    """Return the mask of an annotation's `segmentation` in an image of `width` times `height` pixels.

    Raises:
        ValueError: it is none of COCO's three spellings, or of another size; the message says what was expected.
    """
    if isinstance(segmentation, list):
        rings = [_ring(ring) for ring in segmentation]
        if not rings:
            raise ValueError("expected at least one polygon, found an empty list")
        return _union([_polygon(ring, width=width, height=height) for ring in rings])
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ValueError("expected a list of polygons, or an object with size and counts")
    if segmentation["size"] != [height, width]:
        raise ValueError(
            f"expected the size [height, width] of its image, [{height}, {width}], found {segmentation['size']}"
        )
    counts = segmentation["counts"]
    runs = _from_text(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("expected counts as a list of whole numbers, or as COCO's text of them")
    if sum(runs) != width * height:
        raise ValueError(f"expected counts that add up to {width * height} pixels, found {sum(runs)}")
    return _from_edges(np.cumsum(np.array(runs, dtype=np.int64)), height)


def _ring(ring: Any) -> NDArray[np.float64]:
    numbers = isinstance(ring, list) and all(
        type(each) in {int, float} and abs(each) < _MOST_COORDINATE for each in ring
    )
    if not numbers or len(ring) < _FEWEST_NUMBERS or len(ring) % 2:
        raise ValueError("expected polygons as lists [x, y, x, y, …] of three corners or more, in pixels")
    return np.array(ring, dtype=np.float64).reshape(-1, 2)


def _polygon(ring: NDArray[np.float64], *, width: int, height: int) -> MaskCrop:
    """Draw a polygon as pycocotools does (`rleFrPoly`): what it crosses in the middle of a column turns the pixels."""
    corners = np.trunc(_FINER * ring + 0.5).astype(np.int64)
    x, y = (np.concatenate(parts) for parts in zip(*map(_line, corners, np.roll(corners, -1, axis=0)), strict=True))
    moves = np.flatnonzero(x[1:] != x[:-1]) + 1
    column = (np.where(x[moves] < x[moves - 1], x[moves], x[moves] - 1) + 0.5) / _FINER - 0.5
    row = np.ceil(np.clip((np.minimum(y[moves], y[moves - 1]) + 0.5) / _FINER - 0.5, 0, height))
    inside = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    return _from_edges(np.sort(column[inside].astype(np.int64) * height + row[inside].astype(np.int64)), height)


def _line(start: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the points of the fine grid on a line, from its start to its end; always drawn from its lower end."""
    (x0, y0), (x1, y1) = start.tolist(), end.tolist()
    wide = abs(x1 - x0) >= abs(y1 - y0)
    flipped = x0 > x1 if wide else y0 > y1
    if flipped:
        x0, y0, x1, y1 = x1, y1, x0, y0
    long, short = (x1 - x0, y1 - y0) if wide else (y1 - y0, x1 - x0)
    slope = short / long if long else 0.0
    step = np.arange(long + 1)
    step = step[::-1] if flipped else step
    beside = np.trunc((y0 if wide else x0) + slope * step + 0.5).astype(np.int64)
    return (step + x0, beside) if wide else (beside, step + y0)


def _from_edges(edges: NDArray[np.int64], height: int) -> MaskCrop:
    """Return a mask by the pixels, counted down the columns, at which inside and outside change."""
    starts, ends = edges[0::2], edges[1::2]
    starts = starts[: len(ends)]
    starts, ends = starts[ends > starts], ends[ends > starts]
    if not len(starts):
        return EMPTY
    first, last = int(starts.min()) // height, (int(ends.max()) - 1) // height
    pixels = (last - first + 1) * height
    turns = np.bincount(np.concatenate([starts, ends]) - first * height, minlength=pixels)[:pixels]
    columns = (np.cumsum(turns) % 2).astype(np.bool_).reshape(-1, height)
    rows = np.flatnonzero(columns.any(axis=0))
    return MaskCrop(columns[:, rows[0] : rows[-1] + 1].T, first, int(rows[0]))


def _union(masks: Sequence[MaskCrop]) -> MaskCrop:
    some = [mask for mask in masks if mask.inside.size]
    if len(some) <= 1:
        return some[0] if some else EMPTY
    left, top = min(mask.left for mask in some), min(mask.top for mask in some)
    right = max(mask.left + mask.inside.shape[1] for mask in some)
    bottom = max(mask.top + mask.inside.shape[0] for mask in some)
    whole = np.zeros((bottom - top, right - left), dtype=np.bool_)
    for mask in some:
        rows, columns = mask.inside.shape
        whole[mask.top - top : mask.top - top + rows, mask.left - left : mask.left - left + columns] |= mask.inside
    return MaskCrop(whole, left, top)


def _from_text(text: str) -> list[int]:
    """Return the counts of COCO's text: 5 bits to a character, least first; from the fourth on as differences."""
    counts: list[int] = []
    value = shift = 0
    for char in text.encode(errors="replace"):
        if not _FIRST_CHAR <= char <= _LAST_CHAR:
            raise ValueError(f"expected COCO's text of counts, found the character {chr(char)!r} in it")
        code = char - _FIRST_CHAR
        value |= (code & _LOW) << shift
        shift += _CHAR_BITS
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > _PLAIN_COUNTS else value)
        value = shift = 0
    if shift:
        raise ValueError("expected COCO's text of counts, found one that is cut off")
    return counts
