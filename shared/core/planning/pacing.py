"""When a backfill publishes more, and how long it waits before it looks again: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_PAUSE_S, _MOST_PAUSE_S = 0.25, 5.0
_BURST_S = 1.0
_SOONER, _LATER = 0.5, 1.5


def next_pause_s(pause_s: float | None, *, moved: bool) -> float:
    """Return how long to wait before the next look at results; `pause_s` was the last wait, None: there was none.

    A listing costs money and time, so it is asked for about as often as it has news.
    """
    if pause_s is None:
        return _LEAST_PAUSE_S
    return min(_MOST_PAUSE_S, max(_LEAST_PAUSE_S, pause_s * (_SOONER if moved else _LATER)))


@dataclass(slots=True)
class RateLimit:
    """At most so many events a second (None: as fast as there is room); of time not used, the last second counts."""

    per_s: float | None
    _free_at_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next event."""
        return 0.0 if self.per_s is None else max(0.0, self._free_at_s - now_s)

    def take(self, events: int, now_s: float) -> None:
        """Take the time of so many events."""
        if self.per_s is not None:
            self._free_at_s = max(self._free_at_s, now_s - _BURST_S) + events / self.per_s
