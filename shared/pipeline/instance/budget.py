"""The spending guard of one instance: it takes grants of the day's ceiling from the work bucket, and spends them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import budget
from shared.core.delivery.budget import Allowance, Ceiling, Reservation
from shared.core.errors import AlreadyExistsError, ErrorCode, ParkError

if TYPE_CHECKING:
    from shared.pipeline.ports import Ports

_NOTHING = Allowance()


class DayBudget:
    """What this instance may still spend today. All threads of the instance share it."""

    def __init__(self, ceiling: Ceiling) -> None:
        self._ceiling = ceiling
        self._lock = threading.Lock()  # held while a grant is taken: others would take more than they need
        self._day = ""
        self._left = _NOTHING
        self._spent_day = ""

    def check(self, ports: Ports) -> None:
        """Refuse early what `reserve` would refuse anyway: it saves a download.

        Raises:
            HoldError: every grant of the day is known to be taken, and this instance has used up its own.
        """
        day = self._today(ports)
        with self._lock:
            if self._spent_day == day and not self._left.covers(0.0):
                raise self._spent(day)

    def reserve(self, usd: float | None, ports: Ports) -> Reservation:
        """Take one call of this estimate, in US dollars, out of the day's ceiling; return what was reserved.

        Raises:
            HoldError: the ceiling is reached.
            TransientError: the work bucket is away: no call is made unseen.
        """
        if not self._ceiling.limits:
            return Reservation(self._today(ports))
        wanted_usd = usd if usd is not None else budget.UNKNOWN_CALL_USD
        with self._lock:
            day = self._today(ports)
            if day != self._day:
                self._day, self._left = day, _NOTHING
            while not self._left.covers(wanted_usd):
                self._left = self._left.plus(self._take_grant(day, ports))
            self._left = self._left.less(calls=1, usd=wanted_usd)
        return Reservation(day, wanted_usd)

    def settle(self, reserved: Reservation, actual_usd: float | None) -> None:
        """Correct an estimate by what the answer really cost."""
        if actual_usd is not None:
            self._correct(reserved, calls=0, usd=actual_usd - reserved.usd)

    def refund(self, reserved: Reservation) -> None:
        """Give back what a refused call did not cost."""
        self._correct(reserved, calls=-1, usd=-reserved.usd)

    def _correct(self, reserved: Reservation, *, calls: float, usd: float) -> None:
        with self._lock:
            if reserved.day == self._day:  # a call of yesterday must not change what today may spend
                self._left = self._left.less(calls=calls, usd=usd)

    def _take_grant(self, day: str, ports: Ports) -> Allowance:
        folder = budget.folder(self._ceiling, day)
        bucket = ports.settings.work_bucket
        while self._spent_day != day:
            taken, foreign = budget.taken_grants(ports.store.list_names(bucket, folder), folder)
            if foreign:
                logs.error("not grants of ours: they are left aside", objects=foreign[:10])
            free = budget.free_grants(self._ceiling, taken)
            if not free:
                self._spent_day = day
                logs.error("today's ceiling is reached: events are held until tomorrow", ceiling=self._ceiling.words)
                break
            # Any of them: instances that all reached for the first would meet there.
            number = free[int(ports.jitter() * len(free)) % len(free)]
            try:
                ports.store.create(bucket, f"{folder}{number:04d}", b"", content_type="text/plain")
            except AlreadyExistsError:
                continue
            return budget.grant(self._ceiling, number)
        raise self._spent(day)

    def _spent(self, day: str) -> ParkError:
        return ParkError(
            ErrorCode.DAILY_CEILING,
            f"The ceiling of {self._ceiling.words} a day is reached (MAX_CALLS_PER_DAY, MAX_USD_PER_DAY).",
            until=budget.end_of(day),
        )

    @staticmethod
    def _today(ports: Ports) -> str:
        return budget.day_of(ports.clock.now_iso())
