"""The story of one image event, in the order that makes it safe (docs/decisions/0002-delivery-protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.errors import ErrorCode, ImageRejectedError, ParkError, PermanentError, TransientError
from shared.core.results import documents, result_files
from shared.pipeline.job import begin
from shared.pipeline.worker import ask, commit, lease, park, source_image
from shared.pipeline.worker.lease import Past, Settled
from shared.pipeline.worker.source_image import SourceGoneError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.delivery.journal import JournalledReply
    from shared.core.events.envelopes import ImageEvent
    from shared.core.results.documents import ResultFile
    from shared.core.tasks.common.task import Reading
    from shared.core.values import Status
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.lease import HeldLease
    from shared.pipeline.worker.source_image import Image

_STOPPED = Past("The instance was stopped before the delivery had ended.")
_Outcome = tuple["Mapping[str, Any]", "Sequence[ResultFile]"]


def analyze(event: ImageEvent, ports: WorkerPorts) -> None:
    """Do one task for one image generation, once: return when its result is committed and announced.

    An event that the day has no room for is held in the work bucket instead, and announced as held.

    Raises:
        TransientError: nothing is lost; the same event should be delivered again.
    """
    job = begin(event, ports)
    with logs.context(
        task=event.task, bucket=event.source.bucket, object=event.source.name, key=job.key[:16], attempt=job.attempt
    ):
        claim = lease.claim(job, ports)  # 1 and 2
        if isinstance(claim, Settled):
            logs.info("already done: announced again", status=claim.document.get("status"))
            commit.announce(claim, ports)
            return
        try:
            with ports.in_flight.holding(job.attempt, lambda: lease.release(job, claim, ports, past=_STOPPED)):
                status = _work(job, claim, ports)
                ports.budget.of(job.event.source).put_back(job.attempt, ports)
        except ParkError as reason:
            _park(job, claim, reason, ports)
        except Exception as error:
            lease.release(job, claim, ports, past=lease.after(error, claim))
            ports.budget.of(job.event.source).put_back(job.attempt, ports)
            raise
        else:
            if status == "failed":
                lease.release(job, claim, ports)  # so that a redrive need not wait for the lease to expire


def _park(job: Job, held: HeldLease, reason: ParkError, ports: WorkerPorts) -> None:
    """Park the event, and let the lease go, so that a release need not wait for it to expire."""
    cause = reason.__cause__ if isinstance(reason.__cause__, TransientError) else reason
    past = lease.after(cause, held)
    try:
        park.park(job, reason, ports)
        ports.budget.of(job.event.source).put_back(job.attempt, ports)
    except Exception:
        lease.release(job, held, ports, past=past)
        raise
    lease.release(job, held, ports, past=past)


def _work(job: Job, held: HeldLease, ports: WorkerPorts) -> str:
    """Commit and announce the outcome; return the status that was announced.

    Raises:
        ParkError: the event must wait: for another day, or for the deployment to be mended.
    """
    with park.parking(held, ports):  # a role that was lost, at whatever step: what was paid for lies in the journal
        document, files = _outcome(job, held, ports)  # 3, 4 and 5
        settled = commit.commit(job, document, files, ports)  # 6
    commit.announce(settled, ports)  # 7
    return str(settled.document["status"])


def _outcome(job: Job, held: HeldLease, ports: WorkerPorts) -> _Outcome:
    """Return the document and files of this job: an answer's, or those of a permanent error."""
    try:
        return _answered(job, held, ports)
    except SourceGoneError as gone:
        return _unanswered(job, ports, status="skipped", code=gone.code, message=str(gone))
    except ImageRejectedError as error:
        status: Status = "unsupported" if error.code == ErrorCode.UNSUPPORTED_FORMAT else "failed"
        return _unanswered(job, ports, status=status, code=error.code, message=error.message)
    except PermanentError as error:
        return _unanswered(job, ports, status="failed", code=error.code, message=error.message)


def _answered(job: Job, held: HeldLease, ports: WorkerPorts) -> _Outcome:
    answered = ask.obtain_answer(job, held, ports)
    reply, reading = answered.reply, answered.reading
    masks = result_files.mask_files(reading, reply.image, job.paths)
    soft = result_files.soft_files(reading, reply.image, job.paths)
    made = _pictures(job, ports, reply=reply, reading=reading, image=answered.image)
    files = [*masks.values(), *soft.values(), *made.overlay, *made.crops.values()]
    document = documents.answered(
        job.event,
        job.key,
        reply=reply,
        answer=answered.answer,
        reading=replace(reading, warnings=(*reading.warnings, *made.warnings)),
        files=files,
        mask_files={index: file.name for index, file in masks.items()},
        soft_files={index: file.name for index, file in soft.items()} if job.event.settings.soft_masks else None,
        crop_files={index: file.name for index, file in made.crops.items()} if job.event.settings.crops else None,
    )
    return document, files


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


def _unanswered(job: Job, ports: Ports, *, status: Status, code: ErrorCode, message: str) -> _Outcome:
    logs.warning("no result", status=status, code=code, reason=message)
    document = documents.unanswered(
        job.event, job.key, status=status, code=code, message=message, at=ports.clock.now_iso()
    )
    return document, ()
