"""What is missing: objects are planned like uploads, and held against one listing of the results that are there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.core.planning.candidates import Reasons
from shared.core.planning.existing import Committed, committed
from shared.core.planning.marks import Counts, is_up_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.delivery.budget import Ceiling
    from shared.core.events.envelopes import ImageEvent
    from shared.core.planning.candidates import Candidate, Selection, Work
    from shared.core.planning.estimating import Estimate
    from shared.core.planning.marks import Mark, Position
    from shared.pipeline.backfill.objects import ObjectSequence, SeenObject
    from shared.pipeline.ports import Ports

_KNOWN = 5000
CHUNK, MOST_SEEN = 1000, 20_000
"""Objects with work that are held against results at once, and those that are looked at for them."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is to be published for one object."""

    position: Position
    work: Sequence[Work]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some objects in a row, up to the position `last`. `results` names what is committed, by task, for a sample."""

    last: Position
    counts: Counts
    left_out: Mapping[str, int]
    missing: Sequence[Missing]
    results: Sequence[tuple[str, str]]


@dataclass(slots=True)
class _Batch:
    last: Position
    seen: int = 0
    held: int = 0
    candidates: list[tuple[Position, Candidate]] = field(default_factory=list)
    left_out: Reasons = field(default_factory=Reasons)

    @property
    def full(self) -> bool:
        return len(self.candidates) >= CHUNK or self.seen >= MOST_SEEN

    def add(self, seen: SeenObject, candidate: Candidate | None) -> None:
        self.last = seen.position
        self.seen += 1
        reason = seen.left_out if candidate is None else candidate.left_out
        if reason is not None:
            self.left_out.add(reason)
        elif candidate is not None:
            for held in candidate.held:
                self.held += 1
                self.left_out.add(held)
            self.candidates.append((seen.position, candidate))


def chunks(objects: ObjectSequence, selection: Selection, ports: Ports, *, after: Position | None) -> Iterator[Chunk]:
    """Yield what is missing of the objects behind a position, chunk by chunk; nothing is changed anywhere.

    Raises:
        TransientError: a service is away; go on behind the last chunk.
    """
    batch: _Batch | None = None
    for seen in objects.after(after):
        batch = batch or _Batch(seen.position)
        batch.add(seen, _candidate(seen, objects.bucket, selection, ports))
        if batch.full:
            yield _chunk(batch, selection, ports, bucket=objects.bucket)
            batch = None
    if batch is not None:
        yield _chunk(batch, selection, ports, bucket=objects.bucket)


def _candidate(seen: SeenObject, bucket: str, selection: Selection, ports: Ports) -> Candidate | None:
    if seen.info is None:
        return None
    now = dt.datetime.fromisoformat(ports.clock.now_iso()) if selection.since is not None else _UNUSED
    return selection.candidate(bucket, seen.name, seen.info, now=now)


_UNUSED = dt.datetime.min.replace(tzinfo=dt.UTC)


def _chunk(batch: _Batch, selection: Selection, ports: Ports, *, bucket: str) -> Chunk:
    wanted = [candidate.work[0].paths for _, candidate in batch.candidates if candidate.work]
    below = f"{selection.results_prefix}{selection.planner.run}/{bucket}/"

    def names(after: str, before: str) -> Iterator[str]:
        listed = ports.store.list_objects(selection.results_bucket, below, start_after=after, end_before=before)
        return (name for name, _ in listed)

    there = committed(wanted, names)
    missing, results = list[Missing](), list[tuple[str, str]]()
    existing = failed = size = 0
    for position, candidate in batch.candidates:
        if not candidate.work:
            continue
        known = there.get(candidate.work[0].paths.folder, _NOTHING)
        lacking = []
        for work in candidate.work:
            if work.paths.task in known.results:
                existing += 1
                results.append((work.paths.task, known.results[work.paths.task]))
            elif work.paths.task in known.failures:
                failed += 1
            else:
                lacking.append(work)
        if lacking:
            missing.append(Missing(position, lacking))
            size += candidate.upload.source.size or 0
    counts = Counts(objects=batch.seen, bytes=size, existing=existing, failed_before=failed, held=batch.held)
    return Chunk(batch.last, counts, dict(batch.left_out.counts), missing, results)


_NOTHING = Committed()


@dataclass(slots=True)
class Survey:
    """What a look at everything has shown; `lacking` are the objects that lack a result, of which `estimate` tells.

    `budgets` tell of those that count for each budget. `complete` says that nothing is behind it. `results` are some
    that are there already: (task, name).
    """

    estimate: Estimate
    budgets: Mapping[Ceiling, Estimate] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    left_out: Mapping[str, int] = field(default_factory=dict)
    lacking: int = 0
    complete: bool = False
    results: list[tuple[str, str]] = field(default_factory=list)

    def add(self, chunk: Chunk, missing: Sequence[Missing]) -> None:
        """Add a chunk, and what of it is to be published."""
        self.counts = self.counts.plus(chunk.counts)
        self.left_out = added(self.left_out, chunk.left_out)
        self.lacking += len(missing)
        self.results += chunk.results[: _KNOWN - len(self.results)]
        for each in missing:
            for event in _asked(each):
                self.estimate.add(event)
                for budget, estimate in self.budgets.items():
                    if budget.scope and budget.scope.covers(event.source.bucket, event.source.name):
                        estimate.add(event)


def _asked(missing: Missing) -> Iterator[ImageEvent]:
    """Yield the asks for what an object lacks, each with the tasks alone that are missing."""
    lacking = [work.paths.task for work in missing.work]
    asked = set[str]()
    for work in missing.work:
        leading = work.event.tasks[0]
        if leading not in asked:
            asked.add(leading)
            yield work.event.only(lacking)


def look_over(
    objects: ObjectSequence,
    selection: Selection,
    ports: Ports,
    findings: Survey,
    *,
    begin: Mark,
    most: int | None = None,
) -> None:
    """Add to the findings all that a backfill from this mark would do; `most` objects are looked at, None: all.

    Raises:
        TransientError: a service is away.
    """
    limit_left = begin.limit_left
    for chunk in chunks(objects, selection, ports, after=begin.after):
        chosen = within_limit(chunk.missing, limit_left, begin.chosen)
        findings.add(chunk, chosen.missing)
        limit_left = chosen.limit_left
        if is_spent(limit_left, chosen=begin.chosen, at=chunk.last):
            break
        if most is not None and findings.counts.objects >= most:
            return
    findings.complete = True


def is_spent(limit_left: int | None, *, chosen: Position | None, at: Position | None) -> bool:
    """Whether a limit leaves nothing behind the position `at`: what was `chosen` before is still to be done."""
    return limit_left == 0 and (chosen is None or is_up_to(chosen, at))


@dataclass(frozen=True, slots=True)
class WithinLimit:
    """What a limit leaves of what is missing, how many more may follow, and how many objects count against it."""

    missing: Sequence[Missing]
    limit_left: int | None
    new: int


def within_limit(missing: Sequence[Missing], limit_left: int | None, chosen: Position | None) -> WithinLimit:
    """Return the first of what is missing, as many as the limit has room for; what was `chosen` before takes none."""
    if limit_left is None:
        return WithinLimit(missing, None, len(missing))
    before = sum(is_up_to(each.position, chosen) for each in missing)
    some = missing[: before + limit_left]
    return WithinLimit(some, limit_left - (len(some) - before), len(some) - before)


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Return how many were left out, by reason, in both."""
    both = Reasons()
    for reasons in (one, other):
        for reason, count in reasons.items():
            both.add(reason, count)
    return dict(both.counts)
