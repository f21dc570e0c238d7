"""From the network's outputs to boxes, against brute force; and cutting a thing out of its box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.emulators.gemini.vision import detector
from infra.emulators.gemini.vision.cutting import box_mask, cut_out
from infra.emulators.gemini.vision.detector import MAX_FOUND, MAX_OVERLAP, MIN_SCORE, Detection, decoded, distinct
from infra.emulators.gemini.vision.names import NAMES
from infra.emulators.gemini.vision.regions import superpixels

Box = tuple[float, float, float, float]
EDGES = st.floats(0, 1, width=32)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    top, bottom = sorted([draw(EDGES), draw(EDGES)])
    left, right = sorted([draw(EDGES), draw(EDGES)])
    return top, left, bottom, right


def things(box: st.SearchStrategy[Box]) -> st.SearchStrategy[list[Detection]]:
    one = st.builds(Detection, name=st.sampled_from(NAMES[:4]), score=st.floats(0.4, 1), box=box)
    return st.lists(one, max_size=14).map(lambda found: sorted(found, key=lambda each: -each.score))


def shared(one: Box, other: Box, *, cells: int = 64) -> float:
    """Count cells: the plainest intersection over union."""
    centres = (np.arange(cells) + 0.5) / cells
    y, x = np.meshgrid(centres, centres, indexing="ij")
    held = [(box[0] <= y) & (y < box[2]) & (box[1] <= x) & (x < box[3]) for box in (one, other)]
    union = (held[0] | held[1]).sum()
    return float((held[0] & held[1]).sum() / union) if union else 0.0


GRID = st.integers(0, 64).map(lambda number: number / 64)


@given(one=st.tuples(GRID, GRID, GRID, GRID), other=st.tuples(GRID, GRID, GRID, GRID))
def test_the_overlap_of_two_boxes_is_what_counting_their_cells_says(one: Box, other: Box) -> None:
    first, second = (
        (*(min(box[each], box[each + 2]) for each in (0, 1)), *(max(box[each], box[each + 2]) for each in (0, 1)))
        for box in (one, other)
    )

    assert detector.overlap(first, second) == pytest.approx(shared(first, second))  # type: ignore[arg-type]


@given(things(boxes()))
def test_what_is_kept_is_what_greedy_comparison_of_all_pairs_keeps(found: list[Detection]) -> None:
    covered: set[int] = set()
    for number, each in enumerate(found):  # by striking out, where the code keeps
        if number not in covered:
            rest = range(number + 1, len(found))
            covered |= {later for later in rest if detector.overlap(each.box, found[later].box) > MAX_OVERLAP}

    assert distinct(found) == [each for number, each in enumerate(found) if number not in covered][:MAX_FOUND]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_what_is_decoded_are_the_middles_that_no_neighbour_of_their_kind_exceeds(
    seed: int, rows: int, columns: int
) -> None:
    random = np.random.default_rng(seed)
    scores = random.random((rows, columns, len(NAMES))).astype(np.float32) ** 20  # few are high, as a network's
    distances = random.uniform(-4, 40, (rows, columns, 4)).astype(np.float32)
    shown = (rows * 4, columns * 4)

    found = decoded(scores, distances, shown=shown)

    expected = set()
    for row, column, kind in np.ndindex(scores.shape):
        around = scores[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2, kind]
        if scores[row, column, kind] >= MIN_SCORE and scores[row, column, kind] == around.max():
            left, up, right, down = (float(each) for each in distances[row, column])
            edges = (
                (row * 4 - up) / shown[0],
                (column * 4 - left) / shown[1],
                (row * 4 + down) / shown[0],
                (column * 4 + right) / shown[1],
            )
            top, start, bottom, end = (float(np.clip(edge, 0, 1)) for edge in edges)
            if top < bottom and start < end:
                expected.add((NAMES[kind], round(float(scores[row, column, kind]), 3), (top, start, bottom, end)))
    assert {(each.name, each.score, each.box) for each in found} == expected
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (512, 341), (320, 320), (33, 64)])
def test_a_picture_of_any_proportions_is_framed_without_stretching(size: tuple[int, int]) -> None:
    image, shown = detector.framed(np.full((*size, 3), 200, dtype=np.uint8))

    assert max(shown) == detector.SIDE_PX
    assert [side % detector.MULTIPLE_PX for side in image.shape[:2]] == [0, 0]
    assert (image[: shown[0], : shown[1]] == 200).all()
    assert (image[shown[0] :] == detector.GREY).all()
    assert (image[:, shown[1] :] == detector.GREY).all()
    assert all(abs(part - side * max(shown) / max(size)) < 1 for part, side in zip(shown, size, strict=True))


def disc() -> np.ndarray:
    rows, columns = np.ogrid[:120, :160]
    inside = (rows - 60) ** 2 + (columns - 80) ** 2 < 35**2
    return np.asarray(inside)


def test_a_thing_is_cut_out_along_its_edge() -> None:
    picture = np.where(disc()[..., None], (230, 120, 30), (30, 60, 90)).astype(np.uint8)

    mask = cut_out(superpixels(picture), (24 / 120, 44 / 160, 96 / 120, 116 / 160))

    assert (mask & disc()).sum() / (mask | disc()).sum() > 0.95


def test_a_thing_of_its_surroundings_colour_is_an_ellipse_in_its_box() -> None:
    box = (0.25, 0.25, 0.75, 0.75)

    mask = cut_out(superpixels(np.full((80, 120, 3), 90, dtype=np.uint8)), box)

    assert 0.7 < mask.sum() / box_mask(mask.shape, box).sum() < 0.85  # pi / 4


GRAPH = superpixels(np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8))


@given(boxes())
def test_a_mask_lies_in_its_box_and_is_never_empty(box: Box) -> None:
    mask = cut_out(GRAPH, box)

    assert mask.any()
    assert not (mask & ~box_mask(mask.shape, box)).any()
    assert (mask == cut_out(GRAPH, box)).all()
