"""The story of one image event, in the order that makes it safe (docs/decisions/0002-delivery-protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.delivery import budget
from shared.core.errors import (
    BatchedError,
    ErrorCode,
    ImageRejectedError,
    ParkError,
    PermanentError,
    TransientError,
)
from shared.core.results import documents, result_files
from shared.core.tracing import step
from shared.pipeline.job import begin
from shared.pipeline.worker import ask, batch_line, commit, lease, park, source_image
from shared.pipeline.worker.lease import HeldLease, Past
from shared.pipeline.worker.source_image import SourceGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.delivery.journal import JournalledReply
    from shared.core.events.envelopes import ImageEvent
    from shared.core.results.documents import ResultFile
    from shared.core.tasks.common.task import Reading
    from shared.core.values import Status
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.ask import Answered
    from shared.pipeline.worker.lease import Settled
    from shared.pipeline.worker.source_image import Image

_STOPPED = Past("The instance was stopped before the delivery had ended.")
_Outcome = tuple["Job", "Mapping[str, Any]", "Sequence[ResultFile]"]
"""A part of the job, its document, and its files."""


def analyze(event: ImageEvent, ports: WorkerPorts) -> None:
    """Do the tasks of one event for one image generation, once: return when each result is committed and announced.

    An event that the day has no room for is held in the work bucket instead, and announced as held.

    Raises:
        TransientError: nothing is lost; the same event should be delivered again.
    """
    job = begin(event, ports)
    with logs.context(
        task="+".join(event.tasks),
        bucket=event.source.bucket,
        object=event.source.name,
        key=job.key[:16],
        attempt=job.attempt,
    ):
        ports.tracer.note({"uplook.tasks": event.tasks, "uplook.run": event.run, "uplook.key": job.key[:16]})
        claim = lease.claim(job, ports)  # 1 and 2
        if not isinstance(claim, HeldLease):
            for each in claim:
                logs.info("already done: announced again", status=each.document.get("status"))
                commit.announce(each, ports)
            if all(each.document.get("status") != "failed" for each in claim):
                batch_line.drop(job, ports)  # whoever committed it may have died before that
            return
        progress = _Progress(job, claim)
        try:
            with ports.in_flight.holding(job.attempt, lambda: lease.release(job, claim, ports, past=_STOPPED)):
                _work(progress, ports)
                ports.budget.of(job.event.source).put_back(job.attempt, ports)
        except BatchedError:
            _leave_to_batch(progress, ports)
        except ParkError as reason:
            _park(progress, reason, ports)
        except Exception as error:
            lease.release(job, claim, ports, past=lease.after(error, claim))
            ports.budget.of(job.event.source).put_back(job.attempt, ports)
            raise
        else:
            if progress.failed:
                lease.release(job, claim, ports)  # so that a redrive need not wait for the lease to expire


class _Progress:
    """One delivery's work: what of it is announced by now."""

    def __init__(self, job: Job, held: HeldLease) -> None:
        self.job = job
        self.held = held
        self.failed = False
        self._ended = set[str]()

    def left(self) -> tuple[Job, ...]:
        """Return the parts that have not ended."""
        return tuple(part for part in self.job.parts() if part.event.task not in self._ended)

    def end(self, task: str, settled: Settled) -> None:
        """Note that a task is committed and announced."""
        self._ended.add(task)
        self.failed |= settled.document["status"] == "failed"


def _leave_to_batch(progress: _Progress, ports: WorkerPorts) -> None:
    """Let the lease go, and say of those parts that are left that they wait for a batch job."""
    try:
        park.tell_waiting(progress.left(), ErrorCode.BATCH, until=budget.tomorrow(ports.clock.now_iso()), ports=ports)
    except Exception as error:
        lease.release(progress.job, progress.held, ports, past=lease.after(error, progress.held))
        raise
    lease.release(progress.job, progress.held, ports)


def _park(progress: _Progress, reason: ParkError, ports: WorkerPorts) -> None:
    """Park the event, and let the lease go, so that a release need not wait for it to expire."""
    job, held = progress.job, progress.held
    cause = reason.__cause__ if isinstance(reason.__cause__, TransientError) else reason
    past = lease.after(cause, held)
    try:
        park.park(job, progress.left(), reason, ports)
        ports.budget.of(job.event.source).put_back(job.attempt, ports)
    except Exception:
        lease.release(job, held, ports, past=past)
        raise
    lease.release(job, held, ports, past=past)


def _work(progress: _Progress, ports: WorkerPorts) -> None:
    """Commit and announce the outcome of every part.

    Raises:
        ParkError: the event must wait: for another day, or for the deployment to be mended.
    """
    with park.parking(progress.held, ports):
        done = lease.done_before(progress.job, progress.held, ports)
    for task, settled in done.items():
        commit.announce(settled, ports)  # whoever committed it may have died over its event
        progress.end(task, settled)
    outcomes = _outcomes(progress, ports)
    while True:
        with park.parking(
            progress.held, ports
        ):  # a role that was lost, at whatever step: the journal has what was paid
            outcome = next(outcomes, None)  # 3, 4 and 5
            if outcome is None:
                batch_line.drop(progress.job, ports, first=progress.held.first)
                return
            part, document, files = outcome
            settled = commit.commit(part, document, files, ports)  # 6
        commit.announce(settled, ports)  # 7
        progress.end(part.event.task, settled)


def _outcomes(progress: _Progress, ports: WorkerPorts) -> Iterator[_Outcome]:
    """Yield the document and files of each part: an answer's, or those of a permanent error."""
    try:
        wanted = [part.event.task for part in progress.left()]
        for answers in ask.obtain_answers(progress.job, progress.held, ports, wanted=wanted):
            yield from (_answered(answered, ports) for answered in answers)
    except SourceGoneError as gone:
        status: Status = "skipped"
        code, message = gone.code, str(gone)
    except ImageRejectedError as error:
        status = "unsupported" if error.code == ErrorCode.UNSUPPORTED_FORMAT else "failed"
        code, message = error.code, error.message
    except PermanentError as error:
        status, code, message = "failed", error.code, error.message
    else:
        return
    # The leading task last: whoever goes on behind a crash asks for it first, and its place in the journal is free.
    for part in reversed(progress.left()):
        yield _unanswered(part, ports, status=status, code=code, message=message)


def _answered(answered: Answered, ports: WorkerPorts) -> _Outcome:
    part, reply, reading = answered.part, answered.reply, answered.reading
    with ports.tracer.span("masks"):
        masks = result_files.mask_files(reading, reply.image, part.paths)
        soft = result_files.soft_files(reading, reply.image, part.paths)
    made = _pictures(part, ports, reply=reply, reading=reading, image=answered.image)
    files = [*masks.values(), *soft.values(), *made.overlay, *made.crops.values()]
    document = documents.answered(
        part.event,
        part.key,
        reply=reply,
        answer=answered.answer,
        reading=replace(reading, warnings=(*reading.warnings, *made.warnings)),
        files=files,
        mask_files={index: file.name for index, file in masks.items()},
        soft_files={index: file.name for index, file in soft.items()} if part.event.settings.soft_masks else None,
        crop_files={index: file.name for index, file in made.crops.items()} if part.event.settings.crops else None,
        counted_in=answered.counted_in,
        by_batch=answered.by_batch,
        reused_from=answered.reused_from,
        saved=answered.saved,
    )
    return part, document, files


@step("overlay")
def _pictures(
    job: Job, ports: Ports, *, reply: JournalledReply, reading: Reading, image: Image | None
) -> result_files.Pictures:
    """Return overlay and crops, or a warning why there are none: an answer that was paid for is not lost over them."""
    if not result_files.draws_overlay(job.event, reading):
        return result_files.Pictures()
    crops = job.event.settings.crops
    try:
        # A replay has the reply in its journal, and the picture only in the uploads bucket.
        picture = image or source_image.fetch(job, job.event.source, ports)
        data = source_image.bytes_of(job, picture, ports)
        return result_files.pictures(
            reading, reply.image, data, job.paths, structure=picture.structure, with_crops=crops
        )
    except (SourceGoneError, ImageRejectedError) as error:
        logs.warning("committed without an overlay", reason=str(error))
        told = "no overlay was drawn and no crops were made" if crops else "no overlay was drawn"
        return result_files.Pictures(warnings=(f"{told}: {error}",))


def _unanswered(part: Job, ports: Ports, *, status: Status, code: ErrorCode, message: str) -> _Outcome:
    logs.warning("no result", status=status, code=code, reason=message)
    document = documents.unanswered(
        part.event, part.key, status=status, code=code, message=message, at=ports.clock.now_iso()
    )
    return part, document, ()
