"""Budgets of prefixes inside the deployment's ceiling: a call needs room in all that its upload counts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.errors import TransientError
from shared.pipeline.instance.budget import DayBudget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.delivery.budget import Ceiling, Reservation
    from shared.core.values import Source
    from shared.pipeline.ports import Ports


@dataclass(frozen=True, slots=True)
class NestedReservation:
    """The same call, as it was taken out of each guard, in their order."""

    parts: tuple[Reservation, ...]

    @property
    def day(self) -> str:
        """The day in which the call was begun, as the last guard saw it."""
        return self.parts[-1].day


class Budgets:
    """What this instance may still spend: of the deployment's ceiling, and of the budget of every prefix."""

    def __init__(self, ceiling: Ceiling, budgets: Sequence[Ceiling] = ()) -> None:
        self._whole = DayBudget(ceiling)
        narrow_last = sorted(budgets, key=lambda each: len(each.scope.prefix) if each.scope else 0)
        self._scoped = [(each.scope, DayBudget(each)) for each in narrow_last if each.scope is not None]

    def of(self, source: Source) -> NestedBudget:
        """Return the guard of a call about this upload."""
        # The budgets first: who waits for room in one holds nothing back from the others. The narrowest first of all.
        scoped = [guard for scope, guard in self._scoped if scope.covers(source.bucket, source.name)]
        return NestedBudget((*reversed(scoped), self._whole))

    def look_again(self) -> None:
        """Believe in no empty pool any more: the next call looks what it holds."""
        for guard in (self._whole, *(guard for _, guard in self._scoped)):
            guard.look_again()


class NestedBudget:
    """Several guards as one: a call is made only if all have room, and what is given back is given back to all."""

    def __init__(self, guards: Sequence[DayBudget]) -> None:
        self._guards = tuple(guards)

    def check(self, ports: Ports) -> None:
        """Refuse early what `reserve` would refuse anyway.

        Raises:
            ParkError: one of them has no room.
        """
        for guard in self._guards:
            guard.check(ports)

    def reserve(self, usd: float, ports: Ports, *, timeout_s: float) -> NestedReservation:
        """Take one call out of all of them; `timeout_s` is for all together. See `DayBudget.reserve`.

        Raises:
            ParkError: one of them has no room, and nothing is taken out of any.
            TransientError: the work bucket is away, or others did not end in time; the same.
        """
        ends_s = ports.clock.monotonic_s() + timeout_s
        parts: list[Reservation] = []
        try:
            for guard in self._guards:
                parts.append(guard.reserve(usd, ports, timeout_s=_left_s(ends_s, ports)))  # noqa: PERF401 - it may fail
        except Exception:
            self.refund(NestedReservation(tuple(parts)))
            raise
        return NestedReservation(tuple(parts))

    def settle(self, reserved: NestedReservation, spent_usd: float | None, ports: Ports) -> None:
        """Give back what an answered call did not cost."""
        for guard, part in zip(self._guards, reserved.parts, strict=True):
            guard.settle(part, spent_usd, ports)

    def refund(self, reserved: NestedReservation) -> None:
        """Give back a call that was refused, or never made: it costs nothing."""
        for guard, part in zip(self._guards, reserved.parts, strict=False):
            guard.refund(part)

    def take_back(self, reserved: NestedReservation) -> None:
        """Make free again in all of them what was settled as spent, and certainly was not."""
        for guard, part in zip(self._guards, reserved.parts, strict=True):
            guard.take_back(part)

    def put_back(self, identity: str, ports: Ports) -> None:
        """Put what this instance does not need back into the pools."""
        for guard in self._guards:
            guard.put_back(identity, ports)


def _left_s(ends_s: float, ports: Ports) -> float:
    left_s = ends_s - ports.clock.monotonic_s()
    if left_s <= 0:
        raise TransientError("This instance's other calls have left no time for this one.")
    return left_s
