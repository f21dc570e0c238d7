"""The story of one image event, in the order that makes it safe (docs/decisions/0002-delivery-protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import outputs, results
from shared.core.errors import ImageRejectedError, PermanentError
from shared.core.interpret import interpret
from shared.pipeline import asking, committing, images, leases
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
    from shared.pipeline.work import Job, Ports

_Outcome = tuple["Mapping[str, Any]", "Sequence[ResultFile]"]


def analyze(event: ImageEvent, ports: Ports) -> None:
    """Do one task for one image generation, once: return when its result is committed and announced.

    Raises:
        TransientError: nothing is lost; the same event should be delivered again.
    """
    job = begin(event, ports)
    with logs.context(task=event.task, bucket=event.source.bucket, object=event.source.name, key=job.key[:16]):
        claim = leases.claim(job, ports)  # 1 and 2
        if isinstance(claim, Settled):
            logs.info("already done: announced again", status=claim.document.get("status"))
            committing.announce(claim, ports)
            return
        try:
            document, files = _outcome(job, claim, ports)  # 3, 4 and 5
            settled = committing.commit(job, document, files, ports)  # 6
            committing.announce(settled, ports)  # 7
        except Exception:
            leases.release(job, claim, ports)
            raise
        if settled.document["status"] == "failed":
            leases.release(job, claim, ports)  # so that a redrive need not wait for the lease to expire


def _outcome(job: Job, held: Held, ports: Ports) -> _Outcome:
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


def _answered(job: Job, held: Held, ports: Ports) -> _Outcome:
    image: Image | None = None
    reply = None if held.first else asking.journalled(job, ports)
    if reply is None:
        started_s = ports.clock.monotonic_s()
        image = images.fetch(job, ports)
        download_ms = round((ports.clock.monotonic_s() - started_s) * 1000)
        reply = asking.ask(job, image, ports, download_ms=download_ms)
    answer, reading = interpret(job.event, reply)
    masks = outputs.mask_files(reading, reply.image, job.paths)
    overlay, lacking = _overlay(job, ports, reply=reply, reading=reading, image=image)
    files = [*masks.values(), *overlay]
    document = results.answered(
        job.event,
        job.key,
        reply=reply,
        answer=answer,
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
        picture = image or images.fetch(job, ports)
        return [outputs.overlay_file(reading, reply.image, picture.data, job.paths)], ()
    except (SourceGoneError, ImageRejectedError) as error:
        logs.warning("committed without an overlay", reason=str(error))
        return [], (f"no overlay was drawn: {error}",)


def _unanswered(job: Job, ports: Ports, *, status: Status, code: str, message: str) -> _Outcome:
    logs.warning("no result", status=status, code=code, reason=message)
    document = results.unanswered(
        job.event, job.key, status=status, code=code, message=message, at=ports.clock.now_iso()
    )
    return document, ()
