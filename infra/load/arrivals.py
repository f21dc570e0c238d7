"""What is drawn, all from one seed: when uploads arrive, in bursts, and how long the model takes. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

_ROUNDING: Final = 1e-9


def drawn(*, rate: float, seconds: float, burst: int, seed: int) -> tuple[float, ...]:
    """Return when each upload arrives, in seconds from the beginning, in order.

    There are `rate * seconds` of them, rounded, in bursts of `burst` whose moments are a Poisson process that is known
    to have so many: a run of given length always has the same number of uploads. A `burst` of 1 is Poisson traffic.

    >>> len(drawn(rate=2, seconds=10, burst=5, seed=1)), len(set(drawn(rate=2, seconds=10, burst=5, seed=1)))
    (20, 4)

    Raises:
        ValueError: a number is not above 0.
    """
    if min(rate, seconds, burst) <= 0:
        raise ValueError(f"expected a rate, seconds and a burst above 0, found {rate}, {seconds} and {burst}")
    lots = random.Random(seed)  # noqa: S311 - no secret
    count = max(1, round(rate * seconds))
    moments = sorted(lots.uniform(0, seconds) for _ in range(math.ceil(count / burst)))
    return tuple(moment for moment in moments for _ in range(burst))[:count]


def in_turn(shares: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return each share as the part of those that the shares before it have left over.

    The emulator draws latencies so, each with a seed of its own, counted on from the first; so the simulation's model
    is slow at the very calls at which the emulator is.

    >>> in_turn([(0.5, 1.0), (0.25, 2.0), (0.25, 9.0)])
    [(0.5, 1.0), (0.5, 2.0), (1.0, 9.0)]
    """
    found, left = list[tuple[float, float]](), 1.0
    for share, seconds in shares:
        found.append((1.0 if share >= left - _ROUNDING else share / left, seconds))
        left -= share
    return found
