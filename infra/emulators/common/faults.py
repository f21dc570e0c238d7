"""Faults on demand, the same for every emulator: planned by rule, hit by requests, counted.

An emulator asks `Plan.take` once per request, with the name of its operation and what the request is about, and
does what the fault it gets says. The HTTP control API below `/_control/faults` adds, lists and removes them; a
test asserts afterwards that each was really hit (`left == 0`), so that no fault is silently missed.
"""

from __future__ import annotations

import fnmatch
import itertools
import random
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FAULTS_PATH = "/_control/faults"


class FaultError(ValueError):
    """A fault rule makes no sense; the message says what was expected and found."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. Shell patterns: `operation` over the emulator's operation names, `subject` over what a request names.

    `skip` requests that fit pass first, then `times` are hit (0: all of them until the rule is removed); with a `share`
    below 1 only that part of them, drawn with `seed`.
    `seconds`, `status`, `bytes` and `body` mean what the fault's kind says.
    """

    kind: str
    operation: str = "*"
    subject: str = "*"
    skip: int = 0
    times: int = 1
    share: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    status: int = 0
    bytes: int = 0
    body: Any = None

    def fits(self, operation: str, subject: str) -> bool:
        """Whether a request is this rule's concern."""
        return fnmatch.fnmatchcase(operation, self.operation) and fnmatch.fnmatchcase(subject, self.subject)


class PlannedFault(TypedDict):
    """A fault as the control API shows it: the rule's own fields, its id, and what has become of it."""

    id: int
    kind: str
    operation: str
    subject: str
    skip: int
    times: int
    share: float
    seed: int
    seconds: float
    status: int
    bytes: int
    body: Any
    hits: int
    """How many requests it has hit."""
    left: int
    """How many it will hit; 0 of a rule without end."""


@dataclass(slots=True)
class _Planned:
    id: int
    fault: Fault
    lots: random.Random
    seen: int = 0
    hits: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.times > 0 and self.hits >= self.fault.times

    def document(self) -> PlannedFault:
        left = max(0, self.fault.times - self.hits)
        return cast("PlannedFault", {"id": self.id, **asdict(self.fault), "hits": self.hits, "left": left})


@dataclass(slots=True)
class Plan:
    """The faults of one emulator. `kinds` maps each kind it can do to one sentence about it. Not thread-safe."""

    kinds: Mapping[str, str]
    _planned: list[_Planned] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id.

        Raises:
            FaultError: the emulator knows no such kind, or a number is negative.
        """
        if fault.kind not in self.kinds:
            raise FaultError(f"kind: expected one of {', '.join(sorted(self.kinds))}, found {fault.kind!r}")
        if min(fault.skip, fault.times, fault.seconds, fault.status, fault.bytes) < 0:
            raise FaultError("skip, times, seconds, status and bytes: expected 0 or more")
        if not 0 < fault.share <= 1:
            raise FaultError(f"share: expected a number above 0, at most 1, found {fault.share}")
        planned = _Planned(next(self._ids), fault, random.Random(fault.seed))  # noqa: S311 - no secret
        self._planned.append(planned)
        return planned.id

    def take(self, operation: str, subject: str = "") -> Fault | None:
        """Return the fault that hits this request, if one does: the oldest rule that fits and is not spent."""
        for planned in self._planned:
            if planned.spent or not planned.fault.fits(operation, subject):
                continue
            planned.seen += 1
            if planned.seen > planned.fault.skip and planned.lots.random() < planned.fault.share:
                planned.hits += 1
                return planned.fault
        return None

    def documents(self) -> list[PlannedFault]:
        """Return every rule as JSON, with `hits` and what is `left`."""
        return [planned.document() for planned in self._planned]

    def plans(self, fault: Fault) -> bool:
        """Whether this very rule still stands, be it spent or not."""
        return any(planned.fault is fault for planned in self._planned)

    def remove(self, rule_id: int) -> None:
        """Forget one rule, if it is there."""
        self._planned[:] = [planned for planned in self._planned if planned.id != rule_id]

    def clear(self) -> None:
        """Forget every rule."""
        self._planned.clear()


def parse_fault(value: Any) -> Fault:
    """Read a rule from JSON.

    Raises:
        FaultError: a field is missing, unknown or of another type.
    """
    known = {each.name: each for each in fields(Fault)}
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise FaultError(f"expected an object with a text `kind`, found {str(value)[:100]!r}")
    unknown = sorted(value.keys() - known.keys())
    if unknown:
        raise FaultError(f"unknown fields {', '.join(unknown)}: expected {', '.join(known)}")
    for name in ("operation", "subject"):
        if not isinstance(value.get(name, ""), str):
            raise FaultError(f"{name}: expected a text, found {value[name]!r}")
    for name in ("skip", "times", "share", "seed", "seconds", "status", "bytes"):
        number = value.get(name, 0)
        whole = isinstance(number, int) or (name in {"share", "seconds"} and isinstance(number, float))
        if isinstance(number, bool) or not whole:
            raise FaultError(f"{name}: expected a number, found {number!r}")
    return Fault(**value)
