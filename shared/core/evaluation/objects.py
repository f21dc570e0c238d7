"""Things in images: what was found beside what is there, image by image, and the figures over all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from shared.core.evaluation.average_precision import MeanAveragePrecision, curve
from shared.core.evaluation.boundaries import boundary_f
from shared.core.evaluation.coco_masks import EMPTY
from shared.core.evaluation.matching import (
    AREAS,
    AT_50,
    TrueThings,
    box_overlaps,
    mask_overlaps,
    match_things,
)
from shared.core.evaluation.resampling import Ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from shared.core.evaluation.matching import Matches
    from shared.core.evaluation.resampling import Statistics
    from shared.core.evaluation.truth import TruthImage, TruthObject
    from shared.core.masks.crop import MaskCrop

Shape = Literal["box", "mask"]
ANY_LABEL: Final = ""
"""Not a label: things of all labels, whatever they are called."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObject:
    """One thing of a result, by the truth's label for it (None: there is none). `box` is `(x, y, width, height)`.

    `said` is the label in the model's own words.
    """

    label: str | None
    box: tuple[float, float, float, float]
    mask: MaskCrop | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectsOfImage:
    """What became of the things of one image: matches by label and size, and sums over its masks."""

    matches: Mapping[Shape, Mapping[tuple[str, str], Matches]]
    other_labels: int = 0
    mask_count: int = 0
    mask_overlap: float = 0.0
    mask_boundary: float = 0.0

    def counts(self, shape: Shape, label: str | None = None) -> tuple[int, int, int]:
        """Return right, wrong and missed things at an overlap of 0.5, of one label or of all as they are called."""
        right = wrong = missed = 0
        for (name, area), each in self.matches[shape].items():
            if area == "all" and (name == label if label is not None else name != ANY_LABEL):
                hits = int(each.hits[AT_50].sum())
                right, missed = right + hits, missed + each.positives - hits
                wrong += int(each.misses[AT_50].sum())
        return right, wrong + (self.other_labels if label is None else 0), missed

    def quality(self, shape: Shape) -> float:
        """Return F1, 0 to 1: twice what is right over all that is there and was found; 1 where both are nothing."""
        right, wrong, missed = self.counts(shape)
        whole = 2 * right + wrong + missed
        return 2 * right / whole if whole else 1.0


def judge_objects(image: TruthImage, found: Sequence[FoundObject], *, with_masks: bool) -> ObjectsOfImage:
    """Pair what was found in an image with what is there, by boxes and, `with_masks`, by masks.

    A found thing without a mask counts as one whose mask is empty.
    """
    named = [each for each in found if each.label is not None]
    pair_up = _Pairing(image, with_masks=with_masks)
    matches: dict[Shape, dict[tuple[str, str], Matches]] = {"box": {}}
    overlap = boundary = 0.0
    labels = sorted({each.label for each in named if each.label} | {each.label for each in image.objects})
    for shape in pair_up.shapes:
        matches[shape] = {(ANY_LABEL, "all"): pair_up.of(shape, image.objects, found, ("all",))["all"]}
        for label in labels:
            true = [each for each in image.objects if each.label == label]
            ours = [each for each in named if each.label == label]
            by_area = pair_up.of(shape, true, ours, AREAS)
            matches[shape] |= {(label, area): each for area, each in by_area.items()}
            if shape == "mask":
                more_overlap, more_boundary = pair_up.masks_of(true, ours)
                overlap, boundary = overlap + more_overlap, boundary + more_boundary
    return ObjectsOfImage(
        matches,
        other_labels=len(found) - len(named),
        mask_count=sum(not each.crowd for each in image.objects) if with_masks else 0,
        mask_overlap=overlap,
        mask_boundary=boundary,
    )


@dataclass(slots=True)
class _Pairing:
    """Pairs things of one image; masks of the truth are read once."""

    image: TruthImage
    with_masks: bool
    _masks: dict[int, MaskCrop] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return ("box", "mask") if self.with_masks else ("box",)

    def of(
        self, shape: Shape, true: Sequence[TruthObject], found: Sequence[FoundObject], areas: Iterable[str]
    ) -> dict[str, Matches]:
        """Return the matches of some things by the size of things that counts."""
        crowd = np.array([each.crowd for each in true], dtype=np.bool_)
        things = TrueThings(np.array([each.area for each in true], dtype=np.float64), crowd)
        if shape == "mask":
            ours = [_mask(each) for each in found]
            found_areas = np.array([mask.area for mask in ours], dtype=np.float64)
            overlaps = mask_overlaps(ours, self._true_masks(true), crowd)
        else:
            boxes = _boxes(found)
            found_areas = boxes[:, 2] * boxes[:, 3]
            overlaps = box_overlaps(boxes, _boxes(true), crowd)
        return {area: match_things(overlaps, things, found_areas, area=area) for area in areas}

    def masks_of(self, true: Sequence[TruthObject], found: Sequence[FoundObject]) -> tuple[float, float]:
        """Return the sums of overlap and boundary F of the best pairs of one label, each thing in one pair at most."""
        single = [each for each in true if not each.crowd]
        theirs, ours = self._true_masks(single), [_mask(each) for each in found]
        overlaps = mask_overlaps(ours, theirs, np.zeros(len(single), dtype=np.bool_))
        total = boundary = 0.0
        while overlaps.size and overlaps.max() > 0:
            row, column = np.unravel_index(int(overlaps.argmax()), overlaps.shape)
            total += float(overlaps[row, column])
            size = {"width": self.image.width, "height": self.image.height}
            boundary += boundary_f(ours[row], theirs[column], **size)
            overlaps[row], overlaps[:, column] = 0.0, 0.0
        return total, boundary

    def _true_masks(self, true: Sequence[TruthObject]) -> list[MaskCrop]:
        for each in true:
            if id(each) not in self._masks:
                self._masks[id(each)] = each.mask(width=self.image.width, height=self.image.height)
        return [self._masks[id(each)] for each in true]


def _mask(each: FoundObject) -> MaskCrop:
    return EMPTY if each.mask is None else each.mask


def _boxes(things: Sequence[FoundObject] | Sequence[TruthObject]) -> NDArray[np.float64]:
    return np.array([each.box for each in things], dtype=np.float64).reshape(-1, 4)


def object_statistics(images: Sequence[ObjectsOfImage], shape: Shape) -> tuple[Statistics, ...]:
    """Return the figures over images by boxes or by masks; those by masks begin with `mask_`."""
    prefix = "mask_" if shape == "mask" else ""
    parts = {
        **_counted([each.counts(shape) for each in images], prefix),
        **_counted([each.counts(shape, ANY_LABEL) for each in images], f"{prefix}unnamed_"),
    }
    if shape == "mask":
        count = _array(images, lambda each: each.mask_count)
        parts["mask_IoU"] = _array(images, lambda each: each.mask_overlap), count
        parts["boundary_F"] = _array(images, lambda each: each.mask_boundary), count
    keys = sorted({key for each in images for key in each.matches[shape] if key[0] != ANY_LABEL})
    labels = {label for label, _ in keys if any(_positives(each, shape, label) for each in images)}
    curves = {key: curve([each.matches[shape].get(key) for each in images]) for key in keys if key[0] in labels}
    return (MeanAveragePrecision(curves, prefix), Ratios(parts)) if curves else (Ratios(parts),)


def _positives(each: ObjectsOfImage, shape: Shape, label: str) -> int:
    """Return how many things of a label are to be found in an image."""
    matches = each.matches[shape].get((label, "all"))
    return 0 if matches is None else matches.positives


def label_statistics(images: Sequence[ObjectsOfImage], shape: Shape) -> dict[str, tuple[Statistics, ...]]:
    """Return precision, recall, F1 and average precision of each label that is there or was found."""
    labels = sorted({label for each in images for label, _ in each.matches[shape] if label != ANY_LABEL})
    found: dict[str, tuple[Statistics, ...]] = {}
    for label in labels:
        curves = {(label, area): curve([each.matches[shape].get((label, area)) for each in images]) for area in AREAS}
        ratios = Ratios(_counted([each.counts(shape, label) for each in images], ""))
        found[label] = (MeanAveragePrecision(curves), ratios)
    return found


def label_counts(images: Sequence[ObjectsOfImage], shape: Shape) -> dict[str, Counter[str]]:
    """Return how many things of each label are right, wrong and missed at an overlap of 0.5."""
    counts: dict[str, Counter[str]] = {}
    for each in images:
        for label in {label for label, _ in each.matches[shape]} - {ANY_LABEL}:
            right, wrong, missed = each.counts(shape, label)
            counts.setdefault(label, Counter()).update(right=right, wrong=wrong, missed=missed)
    return dict(sorted(counts.items()))


def _counted(
    counts: Sequence[tuple[int, int, int]], prefix: str
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    right, wrong, missed = np.array(counts, dtype=np.float64).reshape(-1, 3).T
    return {
        f"{prefix}precision": (right, right + wrong),
        f"{prefix}recall": (right, right + missed),
        f"{prefix}F1": (2 * right, 2 * right + wrong + missed),
    }


def _array(images: Sequence[ObjectsOfImage], value: Callable[[ObjectsOfImage], float]) -> NDArray[np.float64]:
    return np.array([value(each) for each in images], dtype=np.float64)
