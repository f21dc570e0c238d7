"""Cut a thing out of its box: which superpixels are nearer, by colour, to the box's middle than to what surrounds it?

Nearer is geodesic, as in `regions.py`: the cheapest path, on which each step costs the colour difference it crosses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_closing, binary_fill_holes, label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .regions import Superpixels

    Bools = NDArray[np.bool_]

INNER = 0.45
"""Half axes of the middle from which a thing is grown, as a part of its box's half sides."""
STEP_COST = 1.0
"""What a step costs besides its colour difference: in one colour, the nearer of the two wins."""
FAVOUR = 1.3
"""So much farther from the middle than from the surroundings a piece may be: a box holds mostly its thing."""
OUTSIDE_SHARE = 0.05
"""A piece that makes up so much of the surroundings is one of theirs, however far it reaches into the box."""
BEGINNING = 1e-6
"""What it costs to begin a path: almost nothing, as a step that costs nothing is none to the library."""
LEAST_SHARE = 0.2
"""A thing fills at least so much of its box; what was cut smaller is an ellipse in the box instead."""


def cut_out(graph: Superpixels, box: tuple[float, float, float, float]) -> Bools:
    """Return the mask of a thing, of the picture's shape; `box` (top, left, bottom, right) as fractions of it.

    The mask lies in the box and is never empty.
    """
    inside = box_mask(graph.labels.shape, box)
    middle = _ellipse(graph.labels.shape, box, INNER)
    near, far = _reached(graph, middle, share=1.0), _reached(graph, _surroundings(inside), share=OUTSIDE_SHARE)
    held = np.bincount(graph.labels[inside], minlength=len(graph.pixels)) / graph.pixels
    # A piece that is the middle's as well as theirs is the thing's only where most of it lies in the box.
    pieces = (near <= FAVOUR * far) & ((far > BEGINNING) | (held >= 0.5))  # noqa: PLR2004 - most
    chosen = np.asarray(pieces[graph.labels]) & inside
    mask = _with_middle(binary_fill_holes(binary_closing(chosen, iterations=2) & inside), middle)
    if mask.sum() >= LEAST_SHARE * inside.sum():
        return mask
    return _ellipse(graph.labels.shape, box, 1.0)


def box_mask(shape: tuple[int, ...], box: tuple[float, float, float, float]) -> Bools:
    """Return the pixels of a box: at least one."""
    top, left = (min(int(edge * length), length - 1) for edge, length in zip(box[:2], shape, strict=True))
    bottom, right = (int(np.ceil(edge * length)) for edge, length in zip(box[2:], shape, strict=True))
    mask = np.zeros(shape, dtype=bool)
    mask[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    return mask


def _ellipse(shape: tuple[int, ...], box: tuple[float, float, float, float], part: float) -> Bools:
    """Return an ellipse in the middle of a box; where it would be thinner than a pixel, the box's middle pixel."""
    inside = box_mask(shape, box)
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    down = (np.arange(shape[0]) - rows.mean()) / (len(rows) / 2 * part)
    across = (np.arange(shape[1]) - columns.mean()) / (len(columns) / 2 * part)
    mask = np.asarray(down[:, None] ** 2 + across[None, :] ** 2 <= 1) & inside
    mask[rows[len(rows) // 2], columns[len(columns) // 2]] = True
    return mask


def _surroundings(inside: Bools) -> Bools:
    """Return what is outside of the box, or, where it holds the whole picture, its corners."""
    if not inside.all():
        return ~inside
    rows, columns = inside.shape
    near = max(1, min(rows, columns) // 10)
    corners = np.zeros_like(inside)
    for row in (slice(0, near), slice(rows - near, rows)):
        for column in (slice(0, near), slice(columns - near, columns)):
            corners[row, column] = True
    return corners


def _reached(graph: Superpixels, seeds: Bools, *, share: float) -> NDArray[np.float64]:
    """Return what the cheapest path costs from the seeds to each superpixel.

    It costs nothing to those of which half is seed, and to those that make up so large a share of all seeds.
    """
    count = len(graph.pixels)
    held = np.bincount(graph.labels[seeds], minlength=count)
    covered = held / graph.pixels
    begins = np.flatnonzero((covered >= min(0.5, covered.max())) | (held >= share * held.sum()))
    cost = np.concatenate([graph.step + STEP_COST, np.full(len(begins), BEGINNING)])
    start = np.concatenate([graph.pairs[:, 0], np.full(len(begins), count)])
    end = np.concatenate([graph.pairs[:, 1], begins])
    paths = coo_array((cost, (start, end)), shape=(count + 1, count + 1))
    return np.asarray(dijkstra(paths.tocsr(), directed=False, indices=count)[:count])


def _with_middle(mask: Bools, middle: Bools) -> Bools:
    """Return the part of the mask that hangs together with most of the middle."""
    parts, count = label(mask)
    if count == 0:
        return mask
    held = np.bincount(parts[middle & mask], minlength=count + 1)
    held[0] = 0
    return np.asarray(parts == held.argmax()) if held.any() else mask
