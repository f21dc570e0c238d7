"""What chance leaves of a figure: the bootstrap over images, and the paired one for the difference of two runs.

A set of images is a sample of all that could have been in it. Drawing as many images from it again, with repetition,
many times, shows how far a figure moves from sample to sample. Two runs are drawn with the same images, so what makes
an image hard for both does not blur their difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

LEVEL: Final = 0.95
_TAILS: Final = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)
_AT_ONCE: Final = 50


class Statistics(Protocol):
    """Figures over images, which count as often as weights say."""

    def over(self, weights: NDArray[np.int64]) -> Mapping[str, NDArray[np.float64]]:
        """Return each figure `(B,)` for weights `(B, images)`; NaN where it is not defined."""


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Figures that are a sum over images divided by another: `(numerator, denominator)` by name, each `(images,)`."""

    parts: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

    def over(self, weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Return each ratio `(B,)`; NaN where the denominator is 0."""
        return {name: _divided(weights @ upper, weights @ lower) for name, (upper, lower) in self.parts.items()}


def _divided(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.full(len(upper), np.nan)
    np.divide(upper, lower, out=result, where=lower != 0)
    return result


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with the ends of its 95 % interval; None where it is not defined, or where one image is no sample."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """Of a difference: `higher` or `lower` where the interval leaves out 0, else `open`."""
        if self.low is None or self.high is None:
            return "open"
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "open"


@dataclass(frozen=True, slots=True)
class Resampling:
    """How samples are drawn: how many, and the seed that makes them the same every time."""

    resamples: int = 1000
    seed: int = 1

    def figures(self, statistics: Statistics, images: int) -> dict[str, Figure]:
        """Return every figure over all images, with its interval."""
        values, drawn = self._values(statistics, images), self._drawn(statistics, images)
        return {name: _figure(values[name], drawn[name]) for name in values}

    def differences(self, new: Statistics, old: Statistics, images: int) -> dict[str, Figure]:
        """Return `new` minus `old` for every figure of both, drawn with the same images."""
        values, others = self._values(new, images), self._values(old, images)
        drawn, other_drawn = self._drawn(new, images), self._drawn(old, images)
        return {
            name: _figure(values[name] - others[name], drawn[name] - other_drawn[name])
            for name in values
            if name in others
        }

    def _values(self, statistics: Statistics, images: int) -> dict[str, float]:
        once = statistics.over(np.ones((1, images), dtype=np.int64))
        return {name: float(value[0]) for name, value in once.items()}

    def _drawn(self, statistics: Statistics, images: int) -> dict[str, NDArray[np.float64]]:
        parts = [statistics.over(weights) for weights in self._weights(images)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _weights(self, images: int) -> Iterator[NDArray[np.int64]]:
        """Yield `(some, images)`: how often each image was drawn. The same for every run on the same images."""
        generator = np.random.default_rng(self.seed)
        for begun in range(0, self.resamples, _AT_ONCE):
            some = min(_AT_ONCE, self.resamples - begun)
            yield generator.multinomial(images, np.full(images, 1 / images), size=some)


def _figure(value: float, drawn: NDArray[np.float64]) -> Figure:
    if not np.isfinite(value):
        return Figure(None)
    known = drawn[np.isfinite(drawn)]
    if len(known) == 0:
        return Figure(value)
    low, high = np.percentile(known, _TAILS)
    return Figure(value, float(low), float(high))
