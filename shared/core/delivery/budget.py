"""The day's ceiling as a pool of parts that are taken by create-only writes, so that nobody takes what another has.

There is no counter, so no hot object. The ceiling is cut into grants: `grant-0017` below a day's folder says that one
instance has taken the 17th. Whatever an instance does not need any more it puts back by an object of its own,
`back-<id>-<calls>-<nano-dollars>`, which another takes by creating `took-<id>`. So at every moment the ceiling is what
lies in the pool, what instances hold, and what was spent; whoever dies takes what it held out of the day.

A call reserves the most that it can cost before it is made, so that it never needs more than it holds. All amounts are
whole nano-dollars: sums are exact.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from shared.core.naming import SPENDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_GRANTS = 1000
"""Few enough for one page of a listing, enough that idle instances hold little back."""

DAY_BEGINS_HOUR_UTC = 8
"""Gemini's daily quotas are reset at midnight Pacific time: 07:00 or 08:00 UTC."""

NANO = 1_000_000_000
"""Nano-dollars of a dollar: a token of the cheapest model costs a hundred."""

_GRANT_NANO_USD = 20_000_000  # two cents: several captions, and the fifth part of a call with masks
_LEAST_GRANTS = 100  # of a small ceiling: an instance that dies takes one with it, or nearly two
_SHARE_OF_DAY = 32  # instances that may hold reservations at once; a default deployment has at most 30

_CLOCKS_DIFFER_S = 60.0  # those of instances and of whoever writes the bill

_GRANT = re.compile(r"grant-(?P<number>[0-9]{4})")
_BACK = re.compile(r"back-(?P<id>[A-Za-z0-9-]{1,64})-(?P<calls>[0-9]{1,15}|any)-(?P<nano_usd>[0-9]{1,18})")
_TOOK = re.compile(r"took-(?P<id>[A-Za-z0-9-]{1,64})")


@dataclass(frozen=True, slots=True)
class Scope:
    """The uploads that a budget is for: those of a bucket (None: of any) below a prefix."""

    bucket: str | None = None
    prefix: str = ""

    def covers(self, bucket: str, name: str) -> bool:
        """Whether an object counts for it."""
        return self.bucket in (None, bucket) and name.startswith(self.prefix)

    @property
    def id(self) -> str:
        """A short name for paths, whatever the prefix is; the same as long as the scope is.

        >>> Scope("uploads", "tenant-a/").id
        '67d970a1'
        """
        return hashlib.sha256(f"{self.bucket or ''}/{self.prefix}".encode(errors="surrogatepass")).hexdigest()[:8]

    @property
    def words(self) -> str:
        """The same for people.

        >>> Scope("uploads", "tenant-a/").words, Scope(prefix="tenant-a/").words
        ('gs://uploads/tenant-a/', 'tenant-a/ in any bucket')
        """
        return f"gs://{self.bucket}/{self.prefix}" if self.bucket else f"{self.prefix} in any bucket".lstrip()


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Most model calls and most US dollars of one day; None is no limit.

    It is the whole deployment's, or the budget of a `scope`.
    """

    calls: int | None = None
    usd: float | None = None
    scope: Scope | None = None

    @property
    def scope_id(self) -> str | None:
        """The id of the budget's scope, None of the whole deployment's ceiling."""
        return self.scope.id if self.scope else None

    @property
    def limits(self) -> bool:
        """Whether there is any limit."""
        return self.calls is not None or self.usd is not None

    @property
    def name(self) -> str:
        """A short name: a changed ceiling has grants of its own, and so counts anew; so has the budget of a scope.

        >>> Ceiling(calls=500, usd=2.5).name
        '500-calls-2.5-usd'
        """
        parts = [
            f"budget-{self.scope.id}" if self.scope else "",
            f"{self.calls}-calls" if self.calls is not None else "",
            f"{self.usd!r}-usd" if self.usd else "",
        ]
        return "-".join(part for part in parts if part)

    @property
    def words(self) -> str:
        """The same for people.

        >>> Ceiling(calls=500, usd=2.5).words
        '500 calls or 2.5 dollars'
        """
        calls = f"{self.calls} calls" if self.calls is not None else ""
        return " or ".join(each for each in (calls, f"{self.usd:g} dollars" if self.usd else "") if each)

    @property
    def whole(self) -> Allowance:
        """All of it; a part of a nano-dollar is left out."""
        return Allowance(
            math.inf if self.calls is None else self.calls,
            math.inf if self.usd is None else math.floor(self.usd * NANO),
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls and nano-dollars that may still be spent: whole numbers, infinite where there is no limit."""

    calls: float = 0
    nano_usd: float = 0

    def covers(self, other: Allowance) -> bool:
        """Whether all of the other can be taken out of this."""
        return self.calls >= other.calls and self.nano_usd >= other.nano_usd

    def plus(self, other: Allowance) -> Allowance:
        """Return both together."""
        return Allowance(self.calls + other.calls, self.nano_usd + other.nano_usd)

    def less(self, other: Allowance) -> Allowance:
        """Return what is left; what is unlimited stays so."""
        return Allowance(_less(self.calls, other.calls), _less(self.nano_usd, other.nano_usd))

    def lacks(self, other: Allowance) -> Allowance:
        """Return what is missing to cover the other."""
        return Allowance(max(0, other.calls - self.calls), max(0, other.nano_usd - self.nano_usd))


def _less(one: float, other: float) -> float:
    return one if math.isinf(one) else one - other


NOTHING: Final = Allowance()


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one call can cost, taken out of every day in which it may be billed, the first one first."""

    days: tuple[str, ...]
    amount: Allowance = NOTHING

    @property
    def day(self) -> str:
        """The day in which the call was begun."""
        return self.days[0]


@dataclass(frozen=True, slots=True)
class Part:
    """A free part of the ceiling, and the name that must be created to take it."""

    name: str
    amount: Allowance

    def helps(self, missing: Allowance) -> bool:
        """Whether it has any of what is missing."""
        return min(self.amount.calls, missing.calls) > 0 or min(self.amount.nano_usd, missing.nano_usd) > 0


@dataclass(frozen=True, slots=True)
class Pool:
    """What nobody holds: grants, and parts that were put back. `foreign` are objects that nobody here writes."""

    grants: tuple[Part, ...] = ()
    returned: tuple[Part, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def free(self) -> Allowance:
        """All of it together: what the day has room for, at the least."""
        total = NOTHING
        for part in (*self.grants, *self.returned):
            total = total.plus(part.amount)
        return total

    def best(self, missing: Allowance, *, jitter: float) -> Part | None:
        """Return the part to take where this is missing, or None where none helps; `jitter` (0-1) chooses among equals.

        One that is enough alone comes first, then any that was put back, then a grant: any of them, because instances
        that all reached for the first would meet there.
        """
        helps = tuple(part for part in self.returned if part.helps(missing))
        enough = tuple(part for part in helps if part.amount.covers(missing))
        among = enough or helps or self.grants
        return among[int(jitter * len(among)) % len(among)] if among else None

    def without(self, taken: Part) -> Pool:
        """Return the rest."""
        return Pool(
            tuple(part for part in self.grants if part != taken),
            tuple(part for part in self.returned if part != taken),
            self.foreign,
        )


def grant_count(ceiling: Ceiling) -> int:
    """Return how many grants a day's ceiling is cut into."""
    by_calls = ceiling.calls if ceiling.calls is not None else MAX_GRANTS
    by_usd = int(ceiling.whole.nano_usd // _GRANT_NANO_USD) if ceiling.usd is not None else MAX_GRANTS
    return min(MAX_GRANTS, by_calls, max(_LEAST_GRANTS, by_usd))


def grant(ceiling: Ceiling, number: int) -> Allowance:
    """Return what grant `number` (from 0) is worth; all of them make up the ceiling exactly."""
    count, whole = grant_count(ceiling), ceiling.whole
    return Allowance(_slice(whole.calls, number, count), _slice(whole.nano_usd, number, count))


def _slice(whole: float, number: int, count: int) -> float:
    if math.isinf(whole):
        return whole
    least, over = divmod(int(whole), count)
    return least + (1 if number < over else 0)


def folder(ceiling: Ceiling, day: str) -> str:
    """Return where a day's pool lies in the work bucket; `pool` tells it from what versions before 1.0 wrote."""
    return f"{SPENDING}{day}/pool-{ceiling.name}/"


def read_pool(ceiling: Ceiling, names: Iterable[str]) -> Pool:
    """Return what is free, by the names in a day's folder.

    Nothing that could not be is obeyed: unknown names are `foreign`, and so is every return if there are more of them
    than grants were taken.
    """
    grants, backs, takes, foreign = set[int](), dict[str, tuple[str, Part]](), set[str](), list[str]()
    for full in names:
        name = full.partition(f"/pool-{ceiling.name}/")[2]
        if (match := _GRANT.fullmatch(name)) and int(match["number"]) < grant_count(ceiling):
            grants.add(int(match["number"]))
        elif match := _TOOK.fullmatch(name):
            takes.add(match["id"])
        elif (match := _BACK.fullmatch(name)) and (amount := _amount(match, ceiling)) is not None:
            backs.setdefault(match["id"], (full, Part(f"took-{match['id']}", amount)))
        else:
            foreign.append(full)
    every = _grants(ceiling)
    free = [back for key, back in sorted(backs.items()) if key not in takes]
    returned = tuple(part for _, part in free)
    taken, put_back = _total([every[number].amount for number in grants]), _total([part.amount for part in returned])
    if not taken.covers(put_back):
        foreign += [full for full, _ in free]
        returned = ()
    return Pool(tuple(part for at, part in enumerate(every) if at not in grants), returned, tuple(foreign))


def _amount(match: re.Match[str], ceiling: Ceiling) -> Allowance | None:
    """Return what was put back, or None where this ceiling knows nothing of the kind."""
    if (match["calls"] == "any") != (ceiling.calls is None) or ceiling.usd is None:
        return None
    return Allowance(math.inf if match["calls"] == "any" else int(match["calls"]), int(match["nano_usd"]))


@cache
def _grants(ceiling: Ceiling) -> tuple[Part, ...]:
    return tuple(Part(f"grant-{number:04d}", grant(ceiling, number)) for number in range(grant_count(ceiling)))


def _total(amounts: Sequence[Allowance]) -> Allowance:
    total = NOTHING
    for amount in amounts:
        total = total.plus(amount)
    return total


def back_name(identity: str, amount: Allowance) -> str:
    """Return the name by which this much is put back; `identity` is used once in a day."""
    calls = "any" if math.isinf(amount.calls) else f"{amount.calls:.0f}"
    return f"back-{identity}-{calls}-{amount.nano_usd:.0f}"


def surplus(ceiling: Ceiling, *, left: Allowance, reserved: Allowance) -> Allowance | None:
    """Return what an instance should put back, or None.

    It keeps as much as its running calls have reserved, for those that follow them, and else one grant.
    """
    if ceiling.usd is None:
        return None  # calls come back from refusals only: not enough to speak of
    least = grant(ceiling, 0)
    keep = Allowance(max(least.calls, reserved.calls), max(least.nano_usd, reserved.nano_usd))
    over = left.less(keep)
    if over.nano_usd < least.nano_usd:
        return None
    return Allowance(max(0, over.calls), over.nano_usd)


def share_is_used(ceiling: Ceiling, *, reserved: Allowance, wanted: Allowance) -> bool:
    """Whether an instance should wait for its running calls instead of taking more: others want their part, too.

    An instance without a running call may always take what one needs.
    """
    if ceiling.usd is None or reserved.calls == 0:
        return False
    return reserved.nano_usd + wanted.nano_usd > ceiling.whole.nano_usd / _SHARE_OF_DAY


def one_call(usd: float) -> Allowance:
    """Return one call that costs at most this many dollars; a part of a nano-dollar counts whole.

    >>> one_call(0.0000000011)
    Allowance(calls=1, nano_usd=2)
    """
    return Allowance(1, nano_usd(usd))


def nano_usd(usd: float) -> int:
    """Return dollars as nano-dollars, never less; beyond a millionth of one there is only the noise of floats."""
    return math.ceil(usd * NANO - 1e-6)


def day_of(now_iso: str) -> str:
    """Return the spending day of a moment (RFC 3339, UTC).

    >>> day_of("2026-11-21T07:59:59.000Z"), day_of("2026-11-21T08:00:00.000Z")
    ('2026-11-20', '2026-11-21')
    """
    moment = dt.datetime.fromisoformat(now_iso)
    return (moment - dt.timedelta(hours=DAY_BEGINS_HOUR_UTC)).date().isoformat()


def days_of(now_iso: str, *, timeout_s: float) -> tuple[str, ...]:
    """Return the spending days in which a call may be billed that begins now and is given up after `timeout_s`.

    Clocks may differ by a minute.

    >>> days_of("2026-11-21T07:59:00.000Z", timeout_s=300)
    ('2026-11-20', '2026-11-21')
    """
    last = dt.datetime.fromisoformat(now_iso) + dt.timedelta(seconds=timeout_s + _CLOCKS_DIFFER_S)
    return tuple(dict.fromkeys((day_of(now_iso), day_of(last.isoformat()))))


def end_of(day: str) -> str:
    """Return the hour at which a spending day ends (UTC).

    >>> end_of("2026-11-21")
    '2026-11-22T08'
    """
    end = dt.date.fromisoformat(day) + dt.timedelta(days=1)
    return f"{end.isoformat()}T{DAY_BEGINS_HOUR_UTC:02d}"


def tomorrow(now_iso: str) -> str:
    """Return the hour that comes a day later (UTC): batch jobs are answered within one, or nearly all are.

    >>> tomorrow("2026-11-21T23:10:00.000Z")
    '2026-11-23T00'
    """
    return (dt.datetime.fromisoformat(now_iso) + dt.timedelta(hours=25)).strftime("%Y-%m-%dT%H")


def next_hour(now_iso: str) -> str:
    """Return the hour that comes next (UTC).

    >>> next_hour("2026-11-21T23:10:00.000Z")
    '2026-11-22T00'
    """
    return (dt.datetime.fromisoformat(now_iso) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H")
