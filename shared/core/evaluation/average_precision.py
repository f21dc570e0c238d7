"""Average precision as pycocotools reckons it, over images that count as often as weights say.

Gemini gives no confidence. So everything that it finds counts alike, and things stand in the order of their images'
ids, then of the answer: with the constant score 1, pycocotools puts them in that order, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from shared.core.evaluation.matching import AREAS, AT_50, AT_75, THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from shared.core.evaluation.matching import Matches

_RECALLS: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Found things of one label and size: `image` is `(D,)`, `hits` and `misses` `(T, D)`, `positives` `(images,)`."""

    image: NDArray[np.int64]
    hits: NDArray[np.bool_]
    misses: NDArray[np.bool_]
    positives: NDArray[np.int64]

    def average_precision(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return `(B, T)` for weights `(B, images)`; NaN where there is nothing to be found."""
        positives = (weights @ self.positives)[:, None]
        result = np.zeros((len(weights), len(THRESHOLDS)))
        if self.image.size:
            times = weights[:, self.image]
            for number in range(len(THRESHOLDS)):
                result[:, number] = _area(times * self.hits[number], times * self.misses[number], positives)
        return np.where(positives > 0, result, np.nan)


def curve(matches: Sequence[Matches | None]) -> Curve:
    """Return the curve of one label and size from its matches in each image, in the order of ids; None: nothing."""
    some = [(number, each) for number, each in enumerate(matches) if each is not None]
    lengths = [each.partner.shape[1] for _, each in some]
    empty = np.zeros((len(THRESHOLDS), 0), dtype=np.bool_)
    return Curve(
        image=np.repeat(np.array([number for number, _ in some], dtype=np.int64), lengths),
        hits=np.concatenate([empty, *(each.hits for _, each in some)], axis=1),
        misses=np.concatenate([empty, *(each.misses for _, each in some)], axis=1),
        positives=np.array([each.positives if each else 0 for each in matches], dtype=np.int64),
    )


def _area(hits: NDArray[np.int64], misses: NDArray[np.int64], positives: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean precision `(B,)` at 101 recalls; precision never rises with recall, as in pycocotools."""
    right, wrong = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)
    precision = right / (right + wrong + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(_RECALLS, right / np.maximum(positives, 1), side="right")
    new = np.diff(reached, axis=1, prepend=0)
    result: NDArray[np.float64] = (envelope * new).sum(axis=1) / len(_RECALLS)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class MeanAveragePrecision:
    """Means over labels, of curves by label and size, under pycocotools' names with a prefix."""

    curves: Mapping[tuple[str, str], Curve]
    prefix: str = ""

    def over(self, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Return `mAP`, `mAP50`, `mAP75`, and `mAP_small` … `(B,)`; NaN where no label has a thing to be found."""
        labels = sorted({label for label, _ in self.curves})
        by_area = {
            area: np.stack([self.curves[label, area].average_precision(weights) for label in labels]) for area in AREAS
        }
        whole = by_area["all"]
        sizes = {f"mAP_{area}": _mean(each) for area, each in by_area.items() if area != "all"}
        found = {"mAP": _mean(whole), "mAP50": _mean(whole[..., [AT_50]]), "mAP75": _mean(whole[..., [AT_75]]), **sizes}
        return {f"{self.prefix}{name}": value for name, value in found.items()}


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over labels and thresholds `(B,)` of `(labels, B, thresholds)`, without those not defined."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=(0, 2))
    count = known.sum(axis=(0, 2))
    result = np.full(len(total), np.nan)
    np.divide(total, count, out=result, where=count > 0)
    return result
