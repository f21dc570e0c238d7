"""The spending guard of one instance: it takes parts of the day's ceiling from the work bucket, and spends them.

Nothing here makes the pool larger: what is not known to be unspent stays spent. A write whose answer is lost counts as
not done where it would take a part, and as done where it would put one back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import budget
from shared.core.delivery.budget import NANO, NOTHING, Allowance, Ceiling, Pool, Reservation
from shared.core.errors import AlreadyExistsError, ErrorCode, ParkError, TransientError, UplookError

if TYPE_CHECKING:
    from shared.pipeline.ports import Ports

_LOOK_AGAIN_S = 0.5
"""How often a call that waits for others of its instance looks whether they have left enough."""

_OF_ALL = "is reached (MAX_CALLS_PER_DAY, MAX_USD_PER_DAY)"
_EMPTY_FOR_S = 60.0
"""How long an empty pool is believed to be empty: somebody may put something back."""


@dataclass(slots=True)
class _Ledger:
    """What an instance has of one day: `left` is free, `reserved` is that of its running calls.

    The pool had not enough for `refused`, and is not looked at again before `empty_until_s` (monotonic).
    """

    left: Allowance = NOTHING
    reserved: Allowance = NOTHING
    refused: Allowance | None = None
    empty_until_s: float = float("-inf")

    def believes_empty(self, wanted: Allowance, *, now_s: float) -> bool:
        return self.refused is not None and now_s < self.empty_until_s and wanted.covers(self.refused)


class DayBudget:
    """What this instance may still spend. All threads of the instance share it."""

    def __init__(self, ceiling: Ceiling) -> None:
        self._ceiling = ceiling
        self._lock = threading.Lock()  # held while a part is taken: others would take more than they need
        self._ledgers: dict[str, _Ledger] = {}

    def check(self, ports: Ports) -> None:
        """Refuse early what `reserve` would refuse anyway: it saves a download.

        Raises:
            ParkError: the pool was found empty a moment ago, and this instance has used up what it had.
        """
        day = budget.day_of(ports.clock.now_iso())
        with self._lock:
            ledger = self._ledgers.get(day)
            if ledger is None or ledger.refused is None or ledger.reserved.calls:
                return
            empty = ledger.believes_empty(ledger.refused, now_s=ports.clock.monotonic_s())
            if empty and not ledger.left.covers(ledger.refused):
                raise self._reached(budget.end_of(day))

    def look_again(self) -> None:
        """Believe in no empty pool any more: the next call looks what it holds."""
        with self._lock:
            for ledger in self._ledgers.values():
                ledger.refused = None

    def reserve(self, usd: float, ports: Ports, *, timeout_s: float) -> Reservation:
        """Take one call that can cost `usd` at most, and is given up after `timeout_s`, out of the ceiling.

        A call that may end in the next day is taken out of both: whichever day it is billed in has room for it. Where
        running calls of this instance have reserved what is missing, it waits for them.

        Raises:
            ParkError: the ceiling is reached; or it is too low for any call like this one.
            TransientError: the work bucket is away (no call is made unseen), or others did not end in time.
        """
        wanted = budget.one_call(usd)
        days = budget.days_of(ports.clock.now_iso(), timeout_s=timeout_s)
        if not self._ceiling.limits:
            return Reservation(days[:1], wanted)
        self._require_room(wanted, ports)
        give_up_s = ports.clock.monotonic_s() + timeout_s
        while not self._reserved(days, wanted, ports):
            if ports.clock.monotonic_s() + _LOOK_AGAIN_S > give_up_s:
                raise TransientError("This instance's other calls have reserved its part of the day's ceiling.")
            ports.clock.sleep(_LOOK_AGAIN_S)
            days = budget.days_of(ports.clock.now_iso(), timeout_s=timeout_s)
        return Reservation(days, wanted)

    def settle(self, reserved: Reservation, spent_usd: float | None, ports: Ports) -> None:
        """Give back what an answered call did not cost; nothing where that is not known, or its day has ended."""
        today = budget.day_of(ports.clock.now_iso())
        spent = reserved.amount if spent_usd is None else budget.one_call(spent_usd)
        if self._ceiling.usd is not None and not reserved.amount.covers(spent):
            logs.error(
                "a call cost more than it can: the prices or limits of this version are out of date",
                reserved_usd=reserved.amount.nano_usd / NANO,
                spent_usd=spent_usd,
            )
        for day in reserved.days:
            if day == today:
                self._end(reserved, day, unspent=reserved.amount.less(spent))
            else:
                # It was answered, and is billed, in the first day: the second one has nothing to pay.
                later = today in reserved.days and day > today and spent_usd is not None
                self._end(reserved, day, unspent=reserved.amount if later else NOTHING)

    def refund(self, reserved: Reservation) -> None:
        """Give back a call that was refused, or never made: it costs nothing."""
        for day in reserved.days:
            self._end(reserved, day, unspent=reserved.amount)

    def take_back(self, reserved: Reservation) -> None:
        """Make free again what was settled as spent, and certainly was not."""
        with self._lock:
            for day in reserved.days:
                if day in self._ledgers:
                    self._ledgers[day].left = self._ledgers[day].left.plus(reserved.amount)

    def put_back(self, identity: str, ports: Ports) -> None:
        """Put what this instance does not need back into the pool; `identity` is of one delivery.

        It is taken out of this instance first: if the write fails, the day has lost it. An instance that owes
        something, because a call cost more than it can, takes that from the pool instead. Whatever the work bucket
        says to that, the delivery ends as it would have without.
        """
        today = budget.day_of(ports.clock.now_iso())
        try:
            over = self._over(today, ports)
            if over is not None:
                self._create(today, budget.back_name(identity, over), ports)
        except UplookError as error:
            logs.warning("a part of the day's ceiling could not be put back, and is lost", reason=str(error))

    def _over(self, day: str, ports: Ports) -> Allowance | None:
        with self._lock:
            ledger = self._ledgers.get(day)
            if ledger is None:
                return None
            if not ledger.left.covers(NOTHING):
                self._took_enough(day, ledger, NOTHING, ports)
            over = budget.surplus(self._ceiling, left=ledger.left, reserved=ledger.reserved)
            if over is not None:
                ledger.left = ledger.left.less(over)
            return over

    def _require_room(self, wanted: Allowance, ports: Ports) -> None:
        """Refuse a call that no day has room for, in words that mend it."""
        if self._ceiling.whole.covers(wanted):
            return
        scope = self._ceiling.scope
        limit = f"the budget of {scope.words}" if scope else "MAX_USD_PER_DAY"
        raise ParkError(
            ErrorCode.CONFIGURATION,
            f"One such call can cost {wanted.nano_usd / NANO:.4f} dollars, and {limit} is"
            f" {self._ceiling.usd:g}: raise it, or ask for less (max_items, thinking, another model, fewer images).",
            until=budget.next_hour(ports.clock.now_iso()),
            budget=self._ceiling.scope_id,
        )

    def _reserved(self, days: tuple[str, ...], wanted: Allowance, ports: Ports) -> bool:
        """Reserve a call in all of these days, or return False where running calls are to be waited for."""
        with self._lock:
            for day in [each for each in self._ledgers if each < days[0]]:
                del self._ledgers[day]  # whatever is left of a day ends with it
            ledgers = [self._ledgers.setdefault(day, _Ledger()) for day in days]
            for day, ledger in zip(days, ledgers, strict=True):
                if not self._covered(day, ledger, wanted, ports, until=budget.end_of(days[0])):
                    return False
            for ledger in ledgers:
                ledger.left = ledger.left.less(wanted)
                ledger.reserved = ledger.reserved.plus(wanted)
            return True

    def _covered(self, day: str, ledger: _Ledger, wanted: Allowance, ports: Ports, *, until: str) -> bool:
        """Take parts until a call is covered; False where running calls may leave enough.

        Raises:
            ParkError: nothing is left, and nothing is running.
        """
        if ledger.left.covers(wanted):
            return True
        if budget.share_is_used(self._ceiling, reserved=ledger.reserved, wanted=wanted):
            return False
        now_s = ports.clock.monotonic_s()
        if not ledger.believes_empty(wanted, now_s=now_s):
            if self._took_enough(day, ledger, wanted, ports):
                return True
            ledger.refused, ledger.empty_until_s = wanted, now_s + _EMPTY_FOR_S
            if not ledger.reserved.calls:
                self._tell_reached()
        if ledger.reserved.calls:
            return False
        raise self._reached(until)

    def _took_enough(self, day: str, ledger: _Ledger, wanted: Allowance, ports: Ports) -> bool:
        met = True
        while met:  # somebody was faster: what the pool holds must be looked at again
            met = False
            pool = self._pool(day, ports)
            while not ledger.left.covers(wanted):
                part = pool.best(ledger.left.lacks(wanted), jitter=ports.jitter())
                if part is None:
                    break
                pool = pool.without(part)
                try:
                    self._create(day, part.name, ports)
                except AlreadyExistsError:
                    met = True
                    continue
                ledger.left = ledger.left.plus(part.amount)
            if ledger.left.covers(wanted):
                return True
        return False

    def _pool(self, day: str, ports: Ports) -> Pool:
        names = ports.store.list_names(ports.settings.work_bucket, budget.folder(self._ceiling, day))
        pool = budget.read_pool(self._ceiling, names)
        if pool.foreign:
            logs.error(
                "what Uplook did not write lies among the day's grants: it counts for nothing",
                objects=pool.foreign[:10],
            )
        return pool

    def _create(self, day: str, name: str, ports: Ports) -> None:
        folder = budget.folder(self._ceiling, day)
        ports.store.create(ports.settings.work_bucket, folder + name, b"", content_type="text/plain")

    def _end(self, reserved: Reservation, day: str, *, unspent: Allowance) -> None:
        """A call has ended: what it did not spend is free again, in its own day and no other."""
        with self._lock:
            ledger = self._ledgers.get(day)
            if ledger is None:
                return
            ledger.reserved = ledger.reserved.less(reserved.amount)
            ledger.left = ledger.left.plus(unspent)

    def _tell_reached(self) -> None:
        scope, words = self._ceiling.scope, self._ceiling.words
        if scope is None:
            logs.error("today's ceiling is reached: events are held until tomorrow", ceiling=words)
        else:
            logs.warning("today's budget of a prefix is reached: its events are held", ceiling=words, of=scope.words)

    def _reached(self, until: str) -> ParkError:
        scope = self._ceiling.scope
        whose = f"for {scope.words} is reached ([[budgets]] in the rules)" if scope else _OF_ALL
        text = f"The {'budget' if scope else 'ceiling'} of {self._ceiling.words} a day {whose}."
        return ParkError(ErrorCode.DAILY_CEILING, text, until=until, budget=self._ceiling.scope_id)
