"""How fast one instance asks one model: slower with every 429, faster again with every answer. Pure decisions.

A storm of refusals widens the gap once, not once for every call that was under way when it began; for a minute after
a refusal the gap narrows slowly, around what the model takes, and then fast. Times are seconds on a monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_GAP_S = 0.5
LONGEST_GAP_S = 10.0
_RETREAT = 1.5
_SLOW_RECOVERY, _FAST_RECOVERY = 0.98, 0.8
_CAUTIOUS_FOR_S = 60.0
_SHORTEST_GAP_S = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls begin at least `gap_s` apart (0: no limit) and none before `not_before_s`."""

    gap_s: float = 0.0
    not_before_s: float = 0.0
    refused_at_s: float = float("-inf")


@dataclass(frozen=True, slots=True)
class DayPause:
    """A model refused for a spending day: nobody asks before `until_s`, unless another day has begun by then."""

    day: str
    until_s: float

    def holds(self, *, day: str, now_s: float) -> bool:
        """Whether the refusal is still believed."""
        return day == self.day and now_s < self.until_s


def admit(pace: Pace, *, now_s: float) -> tuple[float, Pace]:
    """Return how long this call must wait, and the pace for whoever comes next."""
    start_s = max(now_s, pace.not_before_s)
    return start_s - now_s, replace(pace, not_before_s=start_s + pace.gap_s)


def after_refusal(pace: Pace, *, begun_s: float, now_s: float, retry_after_s: float | None, jitter: float) -> Pace:
    """Return the pace after a 429 to a call that began at `begun_s`; `jitter` lies in 0-1."""
    gap_s = pace.gap_s
    if begun_s >= pace.refused_at_s:  # a call of before the last refusal says nothing new
        gap_s = min(max(_RETREAT * gap_s, FIRST_GAP_S), LONGEST_GAP_S)
    rest_s = max(retry_after_s or 0.0, gap_s * (1 + jitter))
    return Pace(gap_s, max(pace.not_before_s, now_s + rest_s), now_s)


def after_answer(pace: Pace, *, now_s: float) -> Pace:
    """Return the pace after an answer: a little faster, at last without limit."""
    gap_s = pace.gap_s * (_SLOW_RECOVERY if now_s - pace.refused_at_s < _CAUTIOUS_FOR_S else _FAST_RECOVERY)
    return replace(pace, gap_s=gap_s if gap_s >= _SHORTEST_GAP_S else 0.0)
