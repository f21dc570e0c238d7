"""What a load consists of. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from infra.load.arrivals import drawn


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` uploads a second for `seconds`, `burst` at once; a model that takes `model_s` on average.

    Before it, `calibrate` uploads come one after another.
    """

    rate: float = 2.0
    seconds: float = 60.0
    burst: int = 5
    seed: int = 1
    model_s: float = 2.0
    calibrate: int = 20

    def arrivals(self) -> tuple[float, ...]:
        """Return when each upload comes."""
        return drawn(rate=self.rate, seconds=self.seconds, burst=self.burst, seed=self.seed)
