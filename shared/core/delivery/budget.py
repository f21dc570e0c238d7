"""The day's ceiling, cut into grants: an instance takes one by a create-only write, and spends it by itself.

There is no counter, so no hot object: grant 17 of a day is taken where `spending/<day>/<ceiling>/0017` exists. All
grants of a day together are the ceiling, so calls never exceed it. Dollars are estimated before a call and known
after it: what an answer costs beyond its estimate is a debt that the instance pays from its next grant.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.gemini.prices import billed, cost_usd
from shared.core.naming import SPENDING
from shared.core.replies.answer import read_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_GRANTS = 1000
"""Few enough for one page of a listing, enough that idle instances hold little back."""

UNKNOWN_CALL_USD = 0.05
"""What a call to a model of unknown price counts, when dollars are limited."""

DAY_BEGINS_HOUR_UTC = 8
"""Gemini's daily quotas are reset at midnight Pacific time: 07:00 or 08:00 UTC."""

_GRANT = re.compile(r"[0-9]{4}")
_LEAST_GRANT_USD = 0.01  # about two calls: smaller grants would cost more writes than they save


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Most model calls and most US dollars of one day, for the whole deployment; None is no limit."""

    calls: int | None = None
    usd: float | None = None

    @property
    def limits(self) -> bool:
        """Whether there is any limit."""
        return self.calls is not None or self.usd is not None

    @property
    def name(self) -> str:
        """A short name: a changed ceiling has grants of its own, and so counts anew.

        >>> Ceiling(calls=500, usd=2.5).name
        '500-calls-2.5-usd'
        """
        parts = [f"{self.calls}-calls" if self.calls is not None else "", f"{self.usd:g}-usd" if self.usd else ""]
        return "-".join(part for part in parts if part)

    @property
    def words(self) -> str:
        """The same for people.

        >>> Ceiling(calls=500, usd=2.5).words
        '500 calls or 2.5 dollars'
        """
        calls = f"{self.calls} calls" if self.calls is not None else ""
        return " or ".join(each for each in (calls, f"{self.usd:g} dollars" if self.usd else "") if each)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may still be spent; unlimited sides are infinite, dollars below zero are a debt."""

    calls: float = 0.0
    usd: float = 0.0

    def covers(self, usd: float) -> bool:
        """Whether one more call of this estimate may be made."""
        return self.calls >= 1 and self.usd >= usd

    def plus(self, other: Allowance) -> Allowance:
        """Return both together."""
        return Allowance(self.calls + other.calls, self.usd + other.usd)

    def less(self, *, calls: float, usd: float) -> Allowance:
        """Return what is left."""
        return Allowance(self.calls - calls, self.usd - usd)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call has taken out of a day's ceiling; it is given back or corrected only while it is that day."""

    day: str
    usd: float = 0.0


def grant_count(ceiling: Ceiling) -> int:
    """Return how many grants a day's ceiling is cut into."""
    by_calls = ceiling.calls if ceiling.calls is not None else MAX_GRANTS
    by_usd = int(ceiling.usd / _LEAST_GRANT_USD) if ceiling.usd is not None else MAX_GRANTS
    return max(1, min(MAX_GRANTS, by_calls, by_usd))


def grant(ceiling: Ceiling, number: int) -> Allowance:
    """Return what grant `number` (from 0) is worth; all of them make up the ceiling exactly."""
    count = grant_count(ceiling)
    calls = usd = float("inf")
    if ceiling.calls is not None:
        calls = ceiling.calls // count + (1 if number < ceiling.calls % count else 0)
    if ceiling.usd is not None:
        usd = ceiling.usd / count
    return Allowance(calls, usd)


def folder(ceiling: Ceiling, day: str) -> str:
    """Return where the grants of a day lie in the work bucket."""
    return f"{SPENDING}{day}/{ceiling.name}/"


def taken_grants(names: Iterable[str], folder: str) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return the numbers of the grants that these objects stand for, and the names that stand for none.

    >>> taken_grants(["spending/d/c/0007", "spending/d/c/junk"], "spending/d/c/")
    (frozenset({7}), ('spending/d/c/junk',))
    """
    numbers = {name: _GRANT.fullmatch(name.removeprefix(folder)) for name in names}
    foreign = tuple(name for name, match in numbers.items() if match is None)
    return frozenset(int(match[0]) for match in numbers.values() if match), foreign


def free_grants(ceiling: Ceiling, taken: frozenset[int]) -> tuple[int, ...]:
    """Return the numbers of all grants that nobody has taken."""
    return tuple(number for number in range(grant_count(ceiling)) if number not in taken)


def day_of(now_iso: str) -> str:
    """Return the spending day of a moment (RFC 3339, UTC).

    >>> day_of("2026-11-21T07:59:59.000Z"), day_of("2026-11-21T08:00:00.000Z")
    ('2026-11-20', '2026-11-21')
    """
    moment = dt.datetime.fromisoformat(now_iso)
    return (moment - dt.timedelta(hours=DAY_BEGINS_HOUR_UTC)).date().isoformat()


def end_of(day: str) -> str:
    """Return the hour at which a spending day ends (UTC).

    >>> end_of("2026-11-21")
    '2026-11-22T08'
    """
    end = dt.date.fromisoformat(day) + dt.timedelta(days=1)
    return f"{end.isoformat()}T{DAY_BEGINS_HOUR_UTC:02d}"


def next_hour(now_iso: str) -> str:
    """Return the hour that comes next (UTC).

    >>> next_hour("2026-11-21T23:10:00.000Z")
    '2026-11-22T00'
    """
    return (dt.datetime.fromisoformat(now_iso) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H")


def paid_usd(model: str, response: Mapping[str, Any], *, now_iso: str) -> float | None:
    """Return what an answer cost at list price, or None where price or tokens are unknown."""
    answer = read_answer(response)
    return cost_usd(billed(model, answer.served_model), answer.usage, day=dt.date.fromisoformat(now_iso[:10]))
