"""An ask that may wait for a batch job: the worker's half, before the job and after it.

Before, everything is done but the call: the request is kept as a line in the work bucket, and the event is
acknowledged. It comes again when the line has its answer, or the reason why it has none; then the answer goes into the
journal as if it had been paid for here, and all behind it is a replay. docs/decisions/0028-batch-jobs.md
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import batch_lines, budget, journal
from shared.core.delivery.batch_lines import BatchLine, BatchLineError
from shared.core.delivery.interpret import entry_tasks
from shared.core.delivery.journal import JournalledReply
from shared.core.errors import AlreadyExistsError, BatchedError, NotFoundError, PermanentError, TransientError
from shared.core.events.envelopes import BATCH_LANE
from shared.core.gemini import batches, prices
from shared.core.gemini.wire import request_document
from shared.core.tasks.common import joint, requests
from shared.pipeline.job import today
from shared.pipeline.retry import with_retries
from shared.pipeline.worker import send
from shared.pipeline.worker.lease import ATTEMPT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.inputs import Prompt
    from shared.pipeline.worker.lease import HeldLease
    from shared.pipeline.worker.send import Attached

_MAX_LINE_BYTES = 64_000_000


def concerns(job: Job, ports: Ports) -> bool:
    """Whether a batch line of this job may be there: of this event, or of another one about the same work.

    That is a redrive's, or one that rules or a backfill have sent by another lane: what waits is not paid for at once.
    """
    return job.event.lane == BATCH_LANE or ports.settings.batch


def may_wait(job: Job, ports: Ports) -> bool:
    """Whether this job's ask may go into a batch job at all."""
    return ports.settings.batch and job.event.lane == BATCH_LANE and not job.event.redrive


def look(job: Job, held: HeldLease, ports: Ports) -> BatchLine | None:
    """Return what has come of this ask, where it was in a batch job; None where it was in none.

    Raises:
        BatchedError: it waits for a job, or for the answers of one.
    """
    if held.first or not concerns(job, ports):
        return None
    line = _stored(job, ports)
    if line is None or line.entry.key != job.key:  # another ask had its place: the rules have changed since
        return None
    if line.state == "waiting":
        raise BatchedError("The ask waits for a batch job.")
    if line.state == "unanswered":
        logs.warning("no batch job has answered it: the model is asked", reason=line.reason)
    return line


def wait(job: Job, prompt: Prompt, ports: WorkerPorts, *, wanted: Mapping[str, str]) -> None:
    """Keep the ask for a batch job. It returns where no job can take it: the model is to be asked at once.

    Raises:
        BatchedError: it is kept.
        ModelRejectedError, ImageRejectedError, TransientError: as `send.attach`.
    """
    if prompt.question is not None:  # about several images: each may change before a job reads it
        return
    begun_s = ports.clock.monotonic_s()
    asked = joint.asked_for(wanted)
    request = requests.request_for(job.event, model_id=job.asks.model, tasks=asked, additions=wanted)
    if request.needs_beta:
        logs.warning("batch jobs cannot ask for this: the model is asked at once", model=request.model)
        return
    without_schema = ports.refused_schemas.knows(request.model, "+".join(asked))
    if without_schema:
        request = replace(request, schema=None)
    attached = send.attach(job, request, prompt.images, ports)
    entry = JournalledReply(
        key=job.key,
        attempt=job.attempt,
        model=request.model,
        answered_at="",
        image=prompt.images[0].info,
        transport=attached.sent[0].transport,
        timing_ms={
            "download": prompt.download_ms,
            "transport": round((ports.clock.monotonic_s() - begun_s) * 1000),
        },
        response={},
        without_schema=without_schema,
        files=attached.files,
        tasks=entry_tasks(job.event, asked),
    )
    _keep(job, BatchLine(job.event, entry), attached, ports)


def drop(job: Job, ports: Ports, *, first: bool = False) -> None:
    """Remove the line of a job that is done: its answer is in the journal, and its results are committed.

    `first` says that nobody was at work on it before: what may not wait then has no line, and costs no request.
    """
    if concerns(job, ports) and not (first and job.event.lane != BATCH_LANE):
        ports.store.delete(ports.settings.work_bucket, job.paths.batch_line)


def _keep(job: Job, line: BatchLine, attached: Attached, ports: WorkerPorts) -> None:
    labels = batches.labels_of(line.line_id, ports.settings.backend.name)
    body = json.dumps(request_document(attached.request, labels=labels)).encode()
    most_usd = prices.reserve_usd(attached.request, images_px=attached.sizes_px, day=today(ports))
    most = budget.nano_usd(prices.BATCH_FACTOR * most_usd)
    data = batch_lines.format_line(replace(line, request=body))
    metadata = line.metadata(most_nano_usd=most)

    def create() -> None:
        try:
            ports.store.create(
                ports.settings.work_bucket,
                job.paths.batch_line,
                data,
                content_type="application/json",
                metadata=metadata,
            )
        except AlreadyExistsError:
            there = _stored(job, ports)
            if there is None or there.entry.key != job.key:
                return  # somebody else's ask has the place: this one is made at once
            if there.state != "waiting":
                raise TransientError(
                    "The ask was in a batch job meanwhile: the next delivery sees what came of it."
                ) from None
        raise BatchedError("The ask waits for a batch job.")

    with_retries(job, ports, create)


def _stored(job: Job, ports: Ports) -> BatchLine | None:
    """Return the line that is there; a foreign or malformed one is told, left aside, and as good as none."""
    bucket, name = ports.settings.work_bucket, job.paths.batch_line
    try:
        line = batch_lines.parse_line(ports.store.read(bucket, name, max_bytes=_MAX_LINE_BYTES))
    except NotFoundError:
        return None
    except (BatchLineError, PermanentError) as error:
        reason: str | None = str(error)
    else:
        there = ports.store.stat(bucket, name)
        stamp = there.metadata.get(ATTEMPT) if there else None
        reason = (
            None if stamp == line.entry.attempt else f"it is stamped by {stamp!r}, and not by {line.entry.attempt!r}"
        )
        if reason is None and line.state == "answered":
            reason = journal.why_not_ours(line.entry, stamp=stamp)
        if reason is None:
            return line
    logs.error("not one of our batch lines: it is left aside", object=name, reason=reason)
    return None
