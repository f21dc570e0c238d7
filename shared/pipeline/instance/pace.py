"""The client-side limiter: every delivery of one instance keeps the pace that the model last allowed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from shared.core.delivery import budget, pace
from shared.core.delivery.pace import DayPause, Pace
from shared.core.delivery.retry import RESERVE_S
from shared.core.errors import DailyQuotaError, ThrottledError

if TYPE_CHECKING:
    from shared.core.ports import Clock

DAY_PAUSE_S = 600.0
"""How long an instance believes that a day's quota is used up before it asks once more; never beyond that day."""


class Pacer:
    """Knows the pace of each model; shared by all threads of an instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._pauses: dict[str, DayPause] = {}

    def wait(self, model: str, clock: Clock, *, remaining_s: float) -> None:
        """Wait for this call's turn.

        Raises:
            ThrottledError: it would come too late for this delivery; the turn is left to others.
            DailyQuotaError: the model refused for the day a moment ago.
        """
        now_s, day = clock.monotonic_s(), budget.day_of(clock.now_iso())
        with self._lock:
            pause = self._pauses.get(model)
            if pause is not None and pause.holds(day=day, now_s=now_s):
                raise DailyQuotaError(f"{model}: the day's quota was used up a moment ago.")
            wait_s, after = pace.admit(self._pace(model), now_s=now_s)
            if wait_s > 0 and wait_s + RESERVE_S > remaining_s:
                raise ThrottledError(
                    f"{model} wants fewer calls: the next turn is in {wait_s:.0f} s.", retry_after_s=wait_s
                )
            self._paces[model] = after
        if wait_s > 0:
            clock.sleep(wait_s)

    def lift(self) -> None:
        """Believe in no used-up day any more: somebody who knows better says so."""
        with self._lock:
            self._pauses.clear()

    def answered(self, model: str, *, now_s: float) -> None:
        """Note that the model took a call."""
        with self._lock:
            if model in self._paces:
                self._paces[model] = pace.after_answer(self._paces[model], now_s=now_s)

    def refused(
        self, model: str, error: ThrottledError, *, day: str, begun_s: float, now_s: float, jitter: float
    ) -> None:
        """Note a 429 to a call that began at `begun_s`, on this spending day."""
        with self._lock:
            if isinstance(error, DailyQuotaError):
                self._pauses[model] = DayPause(day, now_s + DAY_PAUSE_S)
                return
            self._paces[model] = pace.after_refusal(
                self._pace(model), begun_s=begun_s, now_s=now_s, retry_after_s=error.retry_after_s, jitter=jitter
            )

    def _pace(self, model: str) -> Pace:
        return self._paces.get(model, Pace())
