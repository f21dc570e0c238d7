"""The story of one image event, in the order that makes it safe (docs/decisions/0002-delivery-protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import outputs, results
from shared.core.errors import HoldError, ImageRejectedError, PermanentError
from shared.pipeline import answering, committing, images, leases, parking
from shared.pipeline.images import SourceGoneError
from shared.pipeline.leases import Settled
from shared.pipeline.work import begin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.envelopes import ImageEvent
    from shared.core.journal import JournalledReply
    from shared.core.model import Status
    from shared.core.results import ResultFile
    from shared.core.tasks import Reading
    from shared.pipeline.images import Image
    from shared.pipeline.leases import Held
    from shared.pipeline.ports import Ports
    from shared.pipeline.work import Job, WorkerPorts

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
        claim = leases.claim(job, ports)  # 1 and 2
        if isinstance(claim, Settled):
            logs.info("already done: announced again", status=claim.document.get("status"))
            committing.announce(claim, ports)
            return
        try:
            with ports.in_flight.holding(job.attempt, lambda: leases.release(job, claim, ports)):
                status = _work(job, claim, ports)
        except Exception:
            leases.release(job, claim, ports)
            raise
        if status in {"failed", "held"}:
            leases.release(job, claim, ports)  # so that a redrive or a release need not wait for the lease to expire


def _work(job: Job, held: Held, ports: WorkerPorts) -> str:
    """Commit and announce the outcome, or park the event; return the status that was announced."""
    try:
        document, files = _outcome(job, held, ports)  # 3, 4 and 5
    except HoldError as reason:
        parking.park(job, reason, ports)
        return "held"
    settled = committing.commit(job, document, files, ports)  # 6
    committing.announce(settled, ports)  # 7
    return str(settled.document["status"])


def _outcome(job: Job, held: Held, ports: WorkerPorts) -> _Outcome:
    """Return the document and files of this job: an answer's, or those of a permanent error."""
    try:
        return _answered(job, held, ports)
    except SourceGoneError as gone:
        return _unanswered(job, ports, status="skipped", code=gone.code, message=str(gone))
    except ImageRejectedError as error:
        status: Status = "unsupported" if error.code == "unsupported_format" else "failed"
        return _unanswered(job, ports, status=status, code=error.code, message=error.message)
    except PermanentError as error:
        return _unanswered(job, ports, status="failed", code=error.code, message=error.message)


def _answered(job: Job, held: Held, ports: WorkerPorts) -> _Outcome:
    found = answering.answer(job, held, ports)
    reply, reading = found.reply, found.reading
    masks = outputs.mask_files(reading, reply.image, job.paths)
    overlay, lacking = _overlay(job, ports, reply=reply, reading=reading, image=found.image)
    files = [*masks.values(), *overlay]
    document = results.answered(
        job.event,
        job.key,
        reply=reply,
        answer=found.answer,
        reading=replace(reading, warnings=(*reading.warnings, *lacking)),
        files=files,
        mask_files={index: file.name for index, file in masks.items()},
    )
    return document, files


def _overlay(
    job: Job, ports: Ports, *, reply: JournalledReply, reading: Reading, image: Image | None
) -> tuple[list[ResultFile], tuple[str, ...]]:
    """Return the overlay, or a warning why there is none: an answer that was paid for is never lost over a picture."""
    if not outputs.draws_overlay(job.event, reading):
        return [], ()
    try:
        # A replay has the reply in its journal, and the picture only in the uploads bucket.
        picture = image or images.fetch(job, job.event.source, ports)
        data = images.bytes_of(job, picture, ports)
        return [outputs.overlay_file(reading, reply.image, data, job.paths)], ()
    except (SourceGoneError, ImageRejectedError) as error:
        logs.warning("committed without an overlay", reason=str(error))
        return [], (f"no overlay was drawn: {error}",)


def _unanswered(job: Job, ports: Ports, *, status: Status, code: str, message: str) -> _Outcome:
    logs.warning("no result", status=status, code=code, reason=message)
    document = results.unanswered(
        job.event, job.key, status=status, code=code, message=message, at=ports.clock.now_iso()
    )
    return document, ()
