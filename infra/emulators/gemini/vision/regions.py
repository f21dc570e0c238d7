"""Find the things that stand out: superpixels, how far each is from the border's colours, grouped and ranked.

Saliency is geodesic: the cheapest path from the picture's border to a superpixel, each step costing the
colour difference it crosses (Wei et al., "Geodesic Saliency Using Background Priors", ECCV 2012). What one
cannot reach from the border without crossing a strong edge is probably a thing and not its background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import binary_fill_holes, find_objects
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu
from skimage.segmentation import felzenszwalb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

MAX_REGIONS = 8
MIN_SHARE, MAX_SHARE = 0.002, 0.85
MAX_BORDER_SHARE = 0.25
"""A region that holds more than this of the picture's border is background."""
SALIENCY_LEVELS = (0.5, 0.8, 1.1, 1.5)
"""Fractions of Otsu's threshold at which things are cut out of the saliency map."""
MERGE_DISTANCES = (9.0, 16.0)
"""CIELAB distances below which neighbours become one region of one colour."""
NOISE_DISTANCE = 3.0
PART_SHARE = 0.3
MAX_OVERLAP = 0.6
WORTH = 0.25
"""A region must score at least this fraction of the best one's score."""


@dataclass(frozen=True, slots=True)
class RegionMask:
    """One region: `mask` of the picture's shape, `score` without unit, for ranking only."""

    mask: Bools
    score: float


@dataclass(frozen=True, slots=True)
class Superpixels:
    """A picture in small pieces of one colour each, and how they touch.

    `labels`: each pixel's piece; `pixels`, `colour` (CIELAB), `border` (pixels at the frame) and `boxes` (top, left,
    bottom, right): of each piece; `pairs`, `shared` (length of the common edge) and `step` (CIELAB distance): of each
    two pieces that touch.
    """

    labels: NDArray[np.intp]
    pixels: Floats
    colour: Floats
    pairs: NDArray[np.intp]
    shared: Floats
    step: Floats
    border: Floats
    boxes: NDArray[np.intp]


def find_regions(graph: Superpixels) -> list[RegionMask]:
    """Return up to eight regions of a picture, the most striking first."""
    saliency = _saliency(graph)
    ranked = sorted(_scored(graph, saliency), key=lambda pair: -pair[0])
    kept: list[tuple[float, Bools]] = []
    for score, members in ranked:
        if len(kept) == MAX_REGIONS or score < WORTH * ranked[0][0]:
            break
        if not any(_same(graph, members, other) for _, other in kept):
            kept.append((score, members))
    return [RegionMask(binary_fill_holes(members[graph.labels]), score) for score, members in kept]


def superpixels(rgb: NDArray[np.uint8]) -> Superpixels:
    """Cut an RGB picture into superpixels (Felzenszwalb and Huttenlocher, 2004)."""
    rows, columns = rgb.shape[:2]
    smallest = max(4, int(0.0008 * rows * columns))
    labels = felzenszwalb(rgb, scale=40, sigma=0.8, min_size=smallest)
    count = int(labels.max()) + 1
    pixels = np.bincount(labels.ravel(), minlength=count).astype(float)
    lab = rgb2lab(rgb)
    sums = [np.bincount(labels.ravel(), lab[..., channel].ravel(), count) for channel in range(3)]
    colour = np.stack(sums, axis=1) / pixels[:, None]
    pairs, shared = _neighbours(labels)
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return Superpixels(
        labels=labels,
        pixels=pixels,
        colour=colour,
        pairs=pairs,
        shared=shared,
        step=np.linalg.norm(colour[pairs[:, 0]] - colour[pairs[:, 1]], axis=1),
        border=np.bincount(frame, minlength=count).astype(float),
        boxes=_boxes(labels),
    )


def _neighbours(labels: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1)
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1)
    touching = np.sort(np.concatenate([across, down]), axis=1)
    touching = touching[touching[:, 0] != touching[:, 1]]
    pairs, shared = np.unique(touching, axis=0, return_counts=True)
    return pairs.reshape(-1, 2), shared.astype(float)


def _boxes(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    slices = find_objects(labels + 1)
    return np.array([(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in slices])


def _saliency(graph: Superpixels) -> Floats:
    count = len(graph.pixels)
    frame = np.flatnonzero(graph.border)
    # A border superpixel unlike the rest of the border belongs to a thing that is cut off: entering costs.
    apart = np.linalg.norm(graph.colour[frame, None] - graph.colour[None, frame], axis=2)
    entry = np.sort(apart, axis=1)[:, : max(2, len(frame) // 3)].mean(axis=1)
    cost = np.concatenate([graph.step, graph.step, entry - NOISE_DISTANCE])
    start = np.concatenate([graph.pairs[:, 0], graph.pairs[:, 1], np.full(len(frame), count)])
    end = np.concatenate([graph.pairs[:, 1], graph.pairs[:, 0], frame])
    paths = coo_array((np.maximum(cost - NOISE_DISTANCE, 1e-6), (start, end)), shape=(count + 1, count + 1))
    return np.asarray(dijkstra(paths.tocsr(), indices=count)[:count])


def _scored(graph: Superpixels, saliency: Floats) -> Iterator[tuple[float, Bools]]:
    strongest = float(saliency.max())
    if strongest <= NOISE_DISTANCE:
        return
    relative = saliency / strongest
    for members in _candidates(graph, relative):
        share = graph.pixels[members].sum() / graph.pixels.sum()
        border = graph.border[members].sum() / graph.border.sum()
        if MIN_SHARE <= share <= MAX_SHARE and border <= MAX_BORDER_SHARE:
            mean = np.average(relative[members], weights=graph.pixels[members])
            yield _contrast(graph, members) * mean**0.5 * share**0.4 * (1 - border), members


def _candidates(graph: Superpixels, relative: Floats) -> Iterator[Bools]:
    threshold = float(threshold_otsu(relative[graph.labels]))
    for level in SALIENCY_LEVELS:
        inside = np.asarray(relative > level * threshold)
        yield from _components(graph, np.asarray(inside[graph.pairs].all(axis=1)), inside)
    everywhere = np.ones(len(relative), dtype=bool)
    for distance in MERGE_DISTANCES:
        yield from _components(graph, graph.step < distance, everywhere)


def _components(graph: Superpixels, joined: Bools, inside: Bools) -> Iterator[Bools]:
    count = len(inside)
    edges = graph.pairs[joined]
    links = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    number, component = connected_components(links.tocsr(), directed=False)
    for index in range(number):
        members = (component == index) & inside
        if members.any():
            yield members


def _contrast(graph: Superpixels, members: Bools) -> float:
    """Mean CIELAB step across the region's outline, 1 being strong."""
    outline = members[graph.pairs].sum(axis=1) == 1
    if not outline.any():
        return 0.0
    return float(np.average(graph.step[outline], weights=graph.shared[outline])) / 50


def _same(graph: Superpixels, one: Bools, other: Bools) -> bool:
    areas = sorted((graph.pixels[one].sum(), graph.pixels[other].sum()))
    common = graph.pixels[one & other].sum()
    # A part is worth a box of its own beside the whole only if it is clearly smaller.
    part = common > 0.8 * areas[0] and areas[0] > PART_SHARE * areas[1]
    return bool(part or common > 0.5 * areas[0] + 0.5 * areas[1] or _box_overlap(graph, one, other) > MAX_OVERLAP)


def _box_overlap(graph: Superpixels, one: Bools, other: Bools) -> float:
    first, second = _box(graph, one), _box(graph, other)
    high, low = np.minimum(first[2:], second[2:]), np.maximum(first[:2], second[:2])
    common = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]))
    return common / (areas - common)


def _box(graph: Superpixels, members: Bools) -> Any:
    boxes = graph.boxes[members]
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
