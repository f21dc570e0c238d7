"""What a batch job has brought goes to the lines that it was made of, and their events go to the workers once more.

Each line is replaced in exactly the generation that went into the job: by its answer, by the reason why there is none,
or for the next job. So a line that was forgotten stays forgotten, and whoever does all of this once more changes
nothing. The record is closed last: until then the next tick publishes again what this one may not have published.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import batch_lines, batch_records, budget
from shared.core.delivery.batch_lines import BATCH, MAX_HEADER_BYTES, STATE, BatchLineError
from shared.core.delivery.budget import Allowance, Ceiling
from shared.core.errors import (
    AlreadyExistsError,
    ChangedError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from shared.core.events import envelopes
from shared.core.gemini import batches, prices
from shared.core.gemini.batches import NO_ANSWER
from shared.core.replies.answer import read_answer
from shared.pipeline.concurrency import concurrently
from shared.pipeline.upkeep import batch_files, batch_log, batch_making

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.delivery.batch_lines import BatchLine
    from shared.core.delivery.batch_records import BatchRecord, TakenLine
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.batches import BatchJob, JobAnswers, LineAnswer
    from shared.core.ports import ObjectInfo
    from shared.pipeline.ports import BatchPorts
    from shared.pipeline.upkeep.batch_log import KeptRecord

_AT_A_TIME = 100
_MAX_LINE_BYTES = 64_000_000
_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class _Settled:
    """What became of a line: whether it was answered, and the event to publish, if any."""

    event: ImageEvent | None
    answered: bool


def collect(kept: KeptRecord, job: BatchJob | None, ports: BatchPorts) -> None:
    """Deal with every line of a job that has ended (None: of one that is gone, or was never taken), and close it.

    Raises:
        TransientError: some is left to do; a further call goes on.
    """
    record = kept.record
    answers = batches.read_answers(
        batch_files.answers(record, job, ports), record.line_ids, ports.settings.backend.name
    )
    if answers.doubled or answers.unknown or answers.unreadable:
        logs.error(
            "the output of a batch job is not what was asked for: lines are told by their names",
            number=record.number,
            doubled=answers.doubled,
            unknown=answers.unknown,
            unreadable=answers.unreadable,
        )
    answered = 0
    for start in range(0, len(record.lines), _AT_A_TIME):
        some = record.lines[start : start + _AT_A_TIME]
        settle = partial(_settle, record, job=job, ports=ports)
        settled = concurrently([partial(settle, line, answers.by_line.get(line.line_id)) for line in some])
        _publish([each.event for each in settled if each is not None and each.event is not None], ports)
        answered += sum(each is not None and each.answered for each in settled)
    _put_back(record, answers, ports)
    batch_files.delete(record, job, ports)
    batch_log.change(kept, record.closed(answered=answered, left=len(record.lines) - answered), ports)
    logs.info("a batch job is done", number=record.number, lines=len(record.lines), answered=answered)


def give_up_job(kept: KeptRecord, ports: BatchPorts, *, reason: str) -> None:
    """Have the lines of a job that the service does not take asked about by ordinary calls, and close it.

    The record is seized first: a tick that has begun in time, and is slow, then creates no job any more. Should this
    one die, the lines that are left go into a job after all, once others may take it for dead.

    Raises:
        TransientError: some is left to do; a further call goes on.
    """
    seized = batch_log.change(kept, kept.record.creating(ports.new_id()), ports)
    if seized is None:
        return  # another tick goes on with it
    record, refusal = seized.record, batches.LineAnswer(message=reason, passing=False)
    for start in range(0, len(record.lines), _AT_A_TIME):
        some = record.lines[start : start + _AT_A_TIME]
        settle = partial(_settle, record, job=None, ports=ports)
        settled = concurrently([partial(settle, line, refusal) for line in some])
        _publish([each.event for each in settled if each is not None and each.event is not None], ports)
    _put_back(record, batches.JobAnswers(dict.fromkeys(record.line_ids, refusal)), ports)
    batch_files.delete(record, None, ports)
    batch_log.change(seized, record.closed(answered=0, left=len(record.lines)), ports)
    logs.error("a batch job is given up: its images are asked about one by one", number=record.number, reason=reason)


def _settle(
    record: BatchRecord, taken: TakenLine, answer: LineAnswer | None, *, job: BatchJob | None, ports: BatchPorts
) -> _Settled | None:
    """Write to a line what has become of it; None where it is gone, or goes into the next job."""
    bucket = ports.settings.work_bucket
    there = ports.store.stat(bucket, taken.name)
    if there is None:
        return None  # forgotten, or done by its worker already
    if there.generation != taken.generation:
        return _settled_before(record, taken.name, there, ports)
    verdict, reason = batch_records.verdict_on(answer or NO_ANSWER, tries=taken.tries)
    line = _read(taken, ports, whole=verdict == "again")
    if line is None:
        return None
    if verdict == "answered" and answer is not None and answer.response is not None:
        name = job.name if job else record.job or record.display_name
        line = line.answered(answer.response, at=ports.clock.now_iso(), batch=name)
    else:
        line = line.again(reason) if verdict == "again" else line.unanswered(reason)
    try:
        ports.store.replace(
            bucket,
            taken.name,
            batch_lines.format_line(line),
            generation=taken.generation,
            content_type=_TYPE,
            metadata=line.metadata(most_nano_usd=taken.nano_usd, batch=record.number),
        )
    except ChangedError:
        there = ports.store.stat(bucket, taken.name)
        if there is not None and there.generation == taken.generation:
            raise TransientError(f"{taken.name} is said to have changed, and has not.") from None
        return None if there is None else _settled_before(record, taken.name, there, ports)
    return None if verdict == "again" else _Settled(line.event, verdict == "answered")


def _settled_before(record: BatchRecord, name: str, there: ObjectInfo, ports: BatchPorts) -> _Settled | None:
    """Return what another tick made of a line for this very job: it may have died before it published the event."""
    if there.metadata.get(BATCH) != str(record.number) or there.metadata.get(STATE) not in ("answered", "unanswered"):
        return None
    try:
        data = ports.store.read(
            ports.settings.work_bucket, name, generation=there.generation, max_bytes=_MAX_LINE_BYTES
        )
        line = batch_lines.parse_line(data)
    except NotFoundError:
        return None
    return _Settled(line.event, line.state == "answered")


def _read(taken: TakenLine, ports: BatchPorts, *, whole: bool) -> BatchLine | None:
    """Return a line, the request only if the `whole` is wanted: it may hold an image."""
    bucket, store = ports.settings.work_bucket, ports.store
    try:
        head = b""
        if not whole:
            head = store.read_head(bucket, taken.name, generation=taken.generation, max_bytes=MAX_HEADER_BYTES)
        if b"\n" not in head:
            head = store.read(bucket, taken.name, generation=taken.generation, max_bytes=_MAX_LINE_BYTES)
        line = batch_lines.parse_line(head)
    except NotFoundError:
        return None
    except (BatchLineError, PermanentError) as error:
        logs.error("not one of our batch lines: it is left aside", object=taken.name, reason=str(error))
        return None
    # It was looked at when its job was made; a generation does not change.
    reason = batch_making.why_foreign(taken, line, ports)
    if reason is not None:
        logs.error("not a batch line of ours: it is left aside", object=taken.name, reason=reason)
        return None
    return line


def _publish(events: Sequence[ImageEvent], ports: BatchPorts) -> None:
    topic = ports.settings.backfill_topic or ports.settings.image_topic  # beside live uploads, not before them
    messages = [envelopes.format_image_event(event) for event in events]
    for batch in envelopes.batches(messages, lambda message: message):
        ports.publisher.publish(topic, batch)


def _put_back(record: BatchRecord, answers: JobAnswers, ports: BatchPorts) -> None:
    """Put back what the lines of today's job are known not to have cost; whatever the work bucket says to that."""
    now_iso = ports.clock.now_iso()
    day = budget.day_of(now_iso)
    if budget.day_of(record.made_at) != day:
        return
    today = dt.date.fromisoformat(now_iso[:10])
    whole = Ceiling(ports.settings.max_calls_per_day, ports.settings.max_usd_per_day)
    for ceiling in (whole, *ports.budgets):
        if ceiling.usd is None:
            continue
        unspent = 0
        for line in record.lines:
            source = batch_lines.source_at(line.name)
            if ceiling.scope is None or ceiling.scope.covers(source.bucket, source.name):
                unspent += _unspent(line, answers.by_line.get(line.line_id), record.model, today)
        if unspent <= 0:
            continue
        calls = float("inf") if ceiling.calls is None else 0
        name = budget.back_name(f"batch-{record.number}", Allowance(calls, unspent))
        try:
            ports.store.create(
                ports.settings.work_bucket, budget.folder(ceiling, day) + name, b"", content_type="text/plain"
            )
        except AlreadyExistsError:
            continue  # an earlier tick did
        except TransientError as error:
            logs.warning("a part of the day's ceiling could not be put back, and is lost", reason=str(error))


def _unspent(line: TakenLine, answer: LineAnswer | None, model: str, day: dt.date) -> int:
    """Return what is left of a line's part of the ceiling, in nano-dollars; nothing where nobody knows what it cost."""
    if answer is None:
        return 0
    if answer.response is None:
        return line.nano_usd
    said = read_answer(answer.response)
    spent = prices.spent_usd(model, served=said.served_model, usage=said.usage, day=day)
    return 0 if spent is None else max(0, line.nano_usd - budget.nano_usd(prices.BATCH_FACTOR * spent))
