"""When uploads arrive: in bursts, all from one seed. Pure."""

from __future__ import annotations

import math
import random


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
