"""Steps 6 and 7: files first and in parallel, the document last, then the event. Everything is create-only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import jsontext
from shared.core.errors import (
    AlreadyExistsError,
    ErrorCode,
    EventRejectedError,
    NotFoundError,
    TransientError,
    UplookError,
)
from shared.core.results import authorship, documents
from shared.core.results.authorship import ForeignObjectError
from shared.core.results.measures import measures
from shared.core.tracing import step
from shared.pipeline.concurrency import concurrently
from shared.pipeline.worker.lease import ATTEMPT, Settled, read_settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.results.documents import ResultFile
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports


class FileDiffersError(UplookError):
    """A file of the same name holds other bytes: names and bytes are deterministic, so this is a bug."""


def commit(job: Job, document: Mapping[str, Any], files: Sequence[ResultFile], ports: Ports) -> Settled:
    """Write the files, then the document; return what is committed, which may be another attempt's document.

    Where something that is not ours keeps their place, which only an uploader to the results' bucket can bring about,
    the outcome is a failure that says so: nothing here may overwrite it.

    Raises:
        EventRejectedError: the place of that failure is taken, too.
    """
    try:
        _write_files(job, files, ports)
        return _write_document(job, document, ports)
    except ForeignObjectError as foreign:
        told = str(foreign)
    logs.error("an object that is not ours keeps the place of a result", reason=told)
    failure = documents.unanswered(
        job.event,
        job.key,
        status="failed",
        code=ErrorCode.FOREIGN_RESULT,
        message=f"{told} Delete it, and redrive this failure; whoever uploads should have no right to create objects"
        " below the results' prefix.",
        at=ports.clock.now_iso(),
    )
    try:
        return _write_document(job, failure, ports)
    except ForeignObjectError as foreign:
        raise EventRejectedError(ErrorCode.FOREIGN_RESULT, str(foreign)) from foreign


@step("commit")
def _write_document(job: Job, document: Mapping[str, Any], ports: Ports) -> Settled:
    name = job.paths.error(job.event.redrive) if document["status"] == "failed" else job.paths.result
    bucket = ports.settings.results_bucket
    try:
        ports.store.create(
            bucket,
            name,
            jsontext.dump(document),
            content_type="application/json",
            metadata={ATTEMPT: job.attempt},
        )
    except AlreadyExistsError:
        pass
    else:
        ports.tracer.note({"uplook.task": job.event.task, "uplook.status": document["status"]})
        told = measures(document, uploaded_at=job.event.uploaded_at, now=ports.clock.now_iso())
        logs.info("committed", status=document["status"], result=f"gs://{bucket}/{name}", **told)
        return Settled(document, name)
    try:
        return _committed(name, job, ports)
    except ForeignObjectError as foreign:
        if foreign.document is not None and authorship.alike(foreign.document, document):
            return Settled(foreign.document, name)
        raise ForeignObjectError(f"gs://{bucket}/{name} is not one of our results. {foreign}") from foreign


@step("announce")
def announce(settled: Settled, ports: Ports) -> None:
    """Publish the event of a committed document; a second one carries the same id."""
    uri = f"gs://{ports.settings.results_bucket}/{settled.name}"
    ports.publisher.publish(ports.settings.result_topic, [documents.result_event(settled.document, uri=uri)])


def _committed(name: str, job: Job, ports: Ports) -> Settled:
    """Return what was committed first: another attempt's document, or our own, whose answer was lost."""
    try:
        return read_settled(name, job, ports)
    except NotFoundError as error:
        raise TransientError(f"gs://{ports.settings.results_bucket}/{name} vanished while it was read.") from error


@step("files")
def _write_files(job: Job, files: Sequence[ResultFile], ports: Ports) -> None:
    concurrently([partial(_write_file, job, file, ports) for file in files])


def _write_file(job: Job, file: ResultFile, ports: Ports) -> None:
    bucket = ports.settings.results_bucket
    try:
        ports.store.create(
            bucket, file.name, file.data, content_type=file.content_type, metadata={ATTEMPT: job.attempt}
        )
    except AlreadyExistsError:
        there = ports.store.stat(bucket, file.name)
        if there is None:
            raise TransientError(f"gs://{bucket}/{file.name} vanished while it was looked at.") from None
        if there.crc32c != jsontext.crc32c(file.data):
            told = f"gs://{bucket}/{file.name} exists with other bytes."
            if ports.settings.results_among_uploads:
                raise ForeignObjectError(told) from None
            raise FileDiffersError(told) from None
