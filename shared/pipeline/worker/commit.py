"""Steps 6 and 7: files first and in parallel, the document last, then the event. Everything is create-only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import jsontext
from shared.core.errors import AlreadyExistsError, NotFoundError, TransientError, UplookError
from shared.core.results import documents
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
    """Write the files, then the document; return what is committed, which may be another attempt's document."""
    _write_files(job, files, ports)
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
        return _committed(name, ports)
    logs.info("committed", status=document["status"], result=f"gs://{bucket}/{name}")
    return Settled(document, name)


def announce(settled: Settled, ports: Ports) -> None:
    """Publish the event of a committed document; a second one carries the same id."""
    uri = f"gs://{ports.settings.results_bucket}/{settled.name}"
    ports.publisher.publish(ports.settings.result_topic, [documents.result_event(settled.document, uri=uri)])


def _committed(name: str, ports: Ports) -> Settled:
    """Return what was committed first: another attempt's document, or our own, whose answer was lost."""
    try:
        return read_settled(name, ports)
    except NotFoundError as error:
        raise TransientError(f"gs://{ports.settings.results_bucket}/{name} vanished while it was read.") from error


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
            raise FileDiffersError(f"gs://{bucket}/{file.name} exists with other bytes.") from None
