"""From what lies there to what an operator wants to know: counted, grouped, and told apart by what mends it."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.core.delivery import budget
from shared.core.operating import mending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from shared.core.delivery.budget import Ceiling
    from shared.core.delivery.holding import Place
    from shared.core.operating.batch_work import BatchWork
    from shared.core.operating.works import DeadEvent, LeaseState, Outcome, Parked, WorkName

MAX_EXAMPLES: Final = 3
MAX_REASONS: Final = 5
_NUMBERS: Final = re.compile(r"[0-9a-f]{16,}|[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Use:
    """What of today's ceiling, or of a budget, is taken: `calls` and `usd`, by instances or for good.

    `until` is the hour (UTC) in which its day ends.
    """

    ceiling: Ceiling
    until: str
    calls: float | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The backlog of one subscription: messages that are not acknowledged, and the age of the oldest in seconds."""

    subscription: str
    messages: int
    oldest_s: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read, at one moment (RFC 3339).

    `counted` are results of which no more matters than their task and status; `outcomes` are all others. `finished` are
    works that have a result, and `failed` those that have failures alone, also where their documents were not read: a
    name says as much.
    """

    at: str
    outcomes: Sequence[Outcome] = ()
    leases: Sequence[LeaseState] = ()
    parked: Sequence[Parked] = ()
    dead: Sequence[DeadEvent] = ()
    used: Sequence[Use] = ()
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    finished: AbstractSet[WorkName] = frozenset()
    failed: AbstractSet[WorkName] = frozenset()
    batches: BatchWork | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason that some have in common, in the words of the first of them."""

    text: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class AtWork:
    """A delivery that holds its lease now, since a moment (RFC 3339)."""

    uri: str
    task: str
    run: str
    attempt: str
    since: str


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Held events of one code that wait in one place: for an hour, and for a mend or for room in one budget."""

    code: str
    place: Place
    since: str
    tasks: Mapping[str, int]
    reasons: Sequence[Reason]
    example: WorkName

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.tasks.values())

    @property
    def until(self) -> str:
        """The hour in which they go at the earliest (RFC 3339)."""
        return f"{self.place.hour}:00:00Z"


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one code in one run that have no result. `redriven` of them failed again after a redrive."""

    code: str
    run: str
    tasks: Mapping[str, int]
    redriven: int
    reasons: Sequence[Reason]
    example: WorkName

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.tasks.values())

    @property
    def worth(self) -> bool:
        """Whether a redrive can mend them."""
        return mending.is_worth_a_redrive(self.code)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of a deployment, or of a part of it.

    `results` counts by task and status. `waiting` are those that failed for a moment: Pub/Sub delivers them again.
    `settled` counts failures that need nothing, because a newer generation of the image has its result.
    """

    at: str
    results: Mapping[tuple[str, str], int] = field(default_factory=dict)
    at_work: Sequence[AtWork] = ()
    waiting: Sequence[Reason] = ()
    held: Sequence[HeldGroup] = ()
    failures: Sequence[FailureGroup] = ()
    dead: Sequence[DeadEvent] = ()
    settled: int = 0
    calls_today: int = 0
    usd_today: float = 0.0
    unpriced_today: int = 0
    used: Sequence[Use] = ()
    batches: BatchWork | None = None


def summarise(facts: Facts) -> Summary:
    """Return what the facts come to."""
    finished = facts.finished | {each.work for each in facts.outcomes if each.status != "failed"}
    parked = [each for each in facts.parked if each.work not in finished]
    leases = {each.work: each for each in facts.leases}
    live = {work for work, each in leases.items() if each.live} - finished
    failed = [each for each in facts.outcomes if each.status == "failed"]
    elsewhere = live | {each.work for each in parked}
    settled = _settled([each.work for each in failed], finished)
    open_ = [each for each in failed if each.work not in settled | elsewhere]
    known = finished | facts.failed | {each.work for each in failed} | elsewhere
    today = budget.day_of(facts.at)
    paid = [each for each in facts.outcomes if each.calls and budget.day_of(each.created) == today]
    return Summary(
        facts.at,
        results=dict(sorted((Counter(facts.counted) + Counter(map(_task_status, facts.outcomes))).items())),
        at_work=_at_work((leases[work] for work in live), facts.at),
        waiting=_waiting(each for work, each in leases.items() if work not in known),
        held=_held(parked, leases, facts.at),
        failures=_failures(open_),
        dead=tuple(facts.dead),
        settled=len(settled - elsewhere),
        calls_today=sum(each.calls for each in paid),
        usd_today=sum(each.usd or 0.0 for each in paid),
        unpriced_today=sum(each.usd is None for each in paid),
        used=tuple(facts.used),
        batches=facts.batches,
    )


def reasons_of(texts: Iterable[tuple[str, str]]) -> tuple[Reason, ...]:
    """Group texts, each with its example, that differ in numbers alone; the most frequent first.

    >>> reasons_of([("took 3 s", "a"), ("took 14 s", "b"), ("gone", "c")])
    (Reason(text='took 3 s', count=2, example='a'), Reason(text='gone', count=1, example='c'))
    """
    alike: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, example in texts:
        alike[_NUMBERS.sub("#", text.replace(example, "*") if example else text)].append((text, example))
    found = [Reason(group[0][0], len(group), group[0][1]) for group in alike.values()]
    return tuple(sorted(found, key=lambda each: -each.count))


def before(at: str, age_s: float) -> str:
    """Return the moment that lies so many seconds before another one (RFC 3339, whole seconds, UTC).

    >>> before("2026-11-29T08:00:01.500Z", 61.5)
    '2026-11-29T07:59:00Z'
    """
    moment = dt.datetime.fromisoformat(at) - dt.timedelta(seconds=age_s)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _image_task(work: WorkName) -> tuple[str, str, str, str]:
    return work.run, work.bucket, work.name, work.task


def _task_status(outcome: Outcome) -> tuple[str, str]:
    return outcome.work.task, outcome.status


def _settled(failed: Sequence[WorkName], finished: Iterable[WorkName]) -> set[WorkName]:
    """Return the failed works whose image has a result of the same task and run in a newer generation."""
    newest = dict.fromkeys(map(_image_task, failed), 0)
    for work in finished if failed else ():
        key = _image_task(work)
        if key in newest:
            newest[key] = max(newest[key], work.generation)
    return {work for work in failed if work.generation < newest[_image_task(work)]}


def _at_work(leases: Iterable[LeaseState], at: str) -> tuple[AtWork, ...]:
    found = (
        AtWork(each.work.uri, each.work.task, each.work.run, each.attempt, before(at, each.age_s)) for each in leases
    )
    return tuple(sorted(found, key=lambda each: (each.since, each.uri, each.task)))


def _waiting(leases: Iterable[LeaseState]) -> tuple[Reason, ...]:
    return reasons_of(
        (each.reason or ("Its instance ended without a word." if each.held else "It gave no reason."), each.work.uri)
        for each in leases
    )


def _held(parked: Sequence[Parked], leases: Mapping[WorkName, LeaseState], at: str) -> tuple[HeldGroup, ...]:
    groups: defaultdict[tuple[str, Place], list[Parked]] = defaultdict(list)
    for each in parked:
        groups[each.code, each.place].append(each)
    ordered = sorted(groups.items(), key=lambda each: (each[0][0], each[0][1].name))
    return tuple(_held_group(code, place, group, leases, at=at) for (code, place), group in ordered)


def _held_group(
    code: str, place: Place, group: Sequence[Parked], leases: Mapping[WorkName, LeaseState], *, at: str
) -> HeldGroup:
    reasons = reasons_of((leases[each.work].reason, each.work.uri) for each in group if _reason(each, leases))
    return HeldGroup(
        code,
        place,
        before(at, max(each.age_s for each in group)),
        Counter(each.work.task for each in group),
        reasons[:MAX_REASONS],
        group[0].work,
    )


def _reason(parked: Parked, leases: Mapping[WorkName, LeaseState]) -> str:
    lease = leases.get(parked.work)
    return lease.reason if lease else ""


def _failures(failed: Sequence[Outcome]) -> tuple[FailureGroup, ...]:
    groups: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for each in failed:
        groups[each.work.run, each.code].append(each)
    found = [
        FailureGroup(
            code,
            run,
            Counter(each.work.task for each in group),
            sum(bool(each.error) for each in group),
            reasons_of((each.message, each.work.uri) for each in group)[:MAX_REASONS],
            group[0].work,
        )
        for (run, code), group in sorted(groups.items())
    ]
    return tuple(sorted(found, key=lambda each: not each.worth))
