"""Batch jobs are made of the lines that wait: counted, written down, sent, and created once whatever dies around it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core import naming
from shared.core.delivery import batch_lines, batch_records
from shared.core.delivery.batch_lines import STATE, BatchLineError
from shared.core.delivery.batch_records import CREATING_S, BatchRecord, JobLimits, TakenLine
from shared.core.delivery.budget import NANO, Ceiling
from shared.core.errors import (
    ChangedError,
    ConfigurationError,
    FileUnavailableError,
    NotFoundError,
    ParkError,
    RefusedError,
)
from shared.core.gemini import batches
from shared.core.naming import BATCH_LINES
from shared.pipeline.concurrency import concurrently
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.upkeep import batch_files, batch_log, vouching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.delivery.batch_lines import WaitingLine
    from shared.core.gemini.batches import BatchJob
    from shared.pipeline.instance.budgets import NestedBudget, NestedReservation
    from shared.pipeline.ports import BatchPorts
    from shared.pipeline.upkeep.batch_log import KeptRecord

MOST_UNFINISHED = batches.MAX_UNFINISHED - 10
"""Others of the project may have jobs of their own."""

CALL_S = 60.0
_AT_A_TIME = 100
_RESERVE_S = 1.0
_MAX_LINE_BYTES = 64_000_000


def plan_jobs(ports: BatchPorts) -> Iterator[KeptRecord]:
    """Yield a record for each job that the waiting lines make up, as soon as it is written down.

    The log is read before the lines are listed: whoever then takes the next number knows that no line was taken since.

    Raises:
        TransientError: the work bucket is away; what was counted for a job that is not written down is lost to the day.
    """
    records, last = batch_log.read_log(ports)
    taken = {(line.name, line.generation) for kept in records for line in kept.record.lines}
    listed = ports.store.list_objects(ports.settings.work_bucket, BATCH_LINES)
    waiting = [line for name, info in listed if (line := batch_lines.listed_line(name, info)) is not None]
    budgets = Budgets(Ceiling(ports.settings.max_calls_per_day, ports.settings.max_usd_per_day), ports.budgets)
    limits = JobLimits(lines=ports.settings.batch_lines)
    for number in range(last + 1, last + 1 + max(0, MOST_UNFINISHED - len(records))):
        lines = batch_records.lines_for_job(waiting, taken, limits)
        counted = _counted(lines, budgets, ports)
        if not counted:
            return
        record = BatchRecord(
            number=number,
            model=counted[0].line.model,
            lines=tuple(each.taken() for each in counted),
            made_at=ports.clock.now_iso(),
            attempt=ports.new_id(),
        )
        kept = _written(record, counted, ports)
        if kept is None:  # somebody else makes jobs at this moment: the next tick sees which lines are left
            return
        logs.info("a batch job is planned", number=number, model=record.model, lines=len(record.lines))
        taken |= {(line.name, line.generation) for line in record.lines}
        yield kept


def begin_job(kept: KeptRecord, ports: BatchPorts) -> KeptRecord | None:
    """Create the job of a record that is planned; None where somebody else does, or where the service takes it not now.

    Raises:
        ModelRejectedError: the service will never take it.
        TransientError: nobody knows whether it was created. Whoever comes later than CREATING_S looks.
    """
    lines = _lines_to_send(kept.record, ports)
    if not lines:
        logs.info("no line of a batch job is left", number=kept.record.number)
        batch_files.delete(kept.record, None, ports)  # an earlier tick may have sent it
        batch_log.change(kept, kept.record.closed(answered=0, left=0), ports)
        return None
    batch_files.send(kept.record, lines, ports)
    mine = batch_log.change(kept, kept.record.creating(ports.new_id()), ports)
    if mine is None:
        return None
    record = mine.record
    try:
        job = ports.batches.create(
            model=record.model,
            source=batch_files.source(record, ports),
            destination=batch_files.destination(record, ports),
            display_name=record.display_name,
            timeout_s=CALL_S,
        )
    except (RefusedError, FileUnavailableError) as error:
        told = logs.error if isinstance(error, ConfigurationError) else logs.warning
        told("a batch job is not taken now: it is tried again", number=record.number, reason=str(error))
        batch_log.change(mine, record.planned(), ports)
        return None
    logs.info("a batch job is created", number=record.number, job=job.name, lines=len(lines))
    followed = batch_log.change(mine, record.created(job), ports)
    if followed is None:
        _cancel_unless_followed(record.number, job, ports)
    return followed


def find_job(kept: KeptRecord, ports: BatchPorts) -> KeptRecord | None:
    """Go on where somebody was about to create a job and told no more: look whether it is there, else create it.

    Raises:
        as `begin_job`.
    """
    if kept.age_s <= CREATING_S:
        return None
    job, others = batch_records.choose_job(ports.batches.find(kept.record.display_name, timeout_s=CALL_S))
    for other in others:
        logs.error("a batch job was created twice: the other one is cancelled", number=kept.record.number)
        ports.batches.cancel(other.name, timeout_s=CALL_S)
    if job is None:
        return begin_job(kept, ports)
    return batch_log.change(kept, kept.record.created(job), ports)


def _cancel_unless_followed(number: int, job: BatchJob, ports: BatchPorts) -> None:
    """Cancel a job that this tick has made so late that another one was made, or is about to be, in its place."""
    name = batch_log.followed_job(number, ports)
    if name != job.name:
        logs.error("a batch job was created twice: the later one is cancelled", number=number, job=job.name)
        ports.batches.cancel(job.name, timeout_s=CALL_S)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A line whose cost is taken out of today's ceiling and budgets, and by which guard."""

    line: WaitingLine
    guard: NestedBudget
    reserved: NestedReservation

    def taken(self) -> TakenLine:
        """Return the line as a record names it."""
        line = self.line
        return TakenLine(line.name, line.generation, line.line_id, line.nano_usd, line.tries)


def _counted(lines: Sequence[WaitingLine], budgets: Budgets, ports: BatchPorts) -> list[_Counted]:
    """Take what the lines can cost out of today's ceiling and budgets: of as many as there is room for.

    All of it counts as spent from then on: whoever dies before the job is written down has lost it to the day.
    """
    counted: list[_Counted] = []
    for line in lines:
        guard = budgets.of(batch_lines.source_at(line.name))
        try:
            reserved = guard.reserve(line.nano_usd / NANO, ports, timeout_s=_RESERVE_S)
        except ParkError as error:
            logs.warning("the day has no more room for batch jobs", left=len(lines) - len(counted), why=error.message)
            break
        guard.settle(reserved, None, ports)  # or a job would be as small as what may be under way at once
        counted.append(_Counted(line, guard, reserved))
    return counted


def _written(record: BatchRecord, counted: Sequence[_Counted], ports: BatchPorts) -> KeptRecord | None:
    """Write a record down, and put back what the day has given beyond its lines; all where somebody else was faster.

    Raises:
        TransientError: nobody knows whether it is there: what its lines can cost stays spent.
    """
    kept = batch_log.add(record, ports)
    identity = ports.new_id()
    for each in counted:
        if kept is None:
            each.guard.take_back(each.reserved)
    for each in counted:
        each.guard.put_back(identity, ports)  # each guard has something to put back once
    return kept


def _lines_to_send(record: BatchRecord, ports: BatchPorts) -> list[bytes]:
    """Read the lines that are still there; what is none of ours is set aside."""
    backend = ports.settings.backend.name
    found: list[bytes] = []
    for start in range(0, len(record.lines), _AT_A_TIME):
        some = record.lines[start : start + _AT_A_TIME]
        requests = concurrently([partial(_request, line, ports) for line in some])
        found += [
            batches.job_line(line.line_id, request, backend)
            for line, request in zip(some, requests, strict=True)
            if request is not None
        ]
    return found


def _request(taken: TakenLine, ports: BatchPorts) -> bytes | None:
    bucket = ports.settings.work_bucket
    try:
        data = ports.store.read(bucket, taken.name, generation=taken.generation, max_bytes=_MAX_LINE_BYTES)
    except NotFoundError:
        return None  # forgotten meanwhile
    try:
        line = batch_lines.parse_line(data)
    except BatchLineError as error:
        reason: str | None = str(error)
    else:
        reason = why_foreign(taken, line, ports)
        if reason is None:
            return line.request
    logs.error("not a batch line of ours: it is set aside", object=taken.name, reason=reason)
    with contextlib.suppress(ChangedError):
        ports.store.replace(
            bucket,
            taken.name,
            data,
            generation=taken.generation,
            content_type="application/json",
            metadata={STATE: "foreign"},
        )
    return None


def why_foreign(taken: TakenLine, line: batch_lines.BatchLine, ports: BatchPorts) -> str | None:
    """Return why a line is none that a worker wrote for its own event, or None."""
    event = line.event
    own_name = naming.paths(event.source, run=event.run, task=event.task).batch_line
    if taken.name != own_name:
        return f"its event belongs to {own_name}"
    if line.line_id != taken.line_id or b"\n" in line.request:
        return "it is not what its metadata say"
    return vouching.why_unvouched(event, ports)
