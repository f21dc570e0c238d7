"""The files of a batch job: its input where the service reads it, and its output, which is read and then deleted.

On Vertex both lie in the work bucket, else at the Files API.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shared import logs
from shared.core import jsontext
from shared.core.errors import (
    AlreadyExistsError,
    ChangedError,
    FileUnavailableError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from shared.core.gemini import transport
from shared.core.naming import BATCH_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.delivery.batch_records import BatchRecord
    from shared.core.gemini.batches import BatchJob
    from shared.pipeline.ports import BatchPorts

_SEND_S, _DOWNLOAD_S, _DELETE_S = 180.0, 240.0, 15.0
_MAX_ANSWERS_BYTES = 256_000_000
_TYPE = "application/jsonl"


def send(record: BatchRecord, lines: Sequence[bytes], ports: BatchPorts) -> None:
    """Put the input where the service reads it, in place of what an earlier tick has put there.

    That was before a line of it was forgotten, perhaps: the service must not be asked about it.
    """
    data = b"\n".join(lines) + b"\n"
    if ports.settings.enterprise:
        _put(ports.settings.work_bucket, _input_name(record), data, ports)
    else:
        _upload(_input_file(record), data, ports)


def _put(bucket: str, name: str, data: bytes, ports: BatchPorts) -> None:
    with contextlib.suppress(AlreadyExistsError):
        ports.store.create(bucket, name, data, content_type=_TYPE)
        return
    there = ports.store.stat(bucket, name)
    if there is None:
        raise TransientError(f"gs://{bucket}/{name} vanished while it was looked at.")
    if there.crc32c == jsontext.crc32c(data):
        return
    try:
        ports.store.replace(bucket, name, data, generation=there.generation, content_type=_TYPE)
    except ChangedError as error:
        raise TransientError(f"gs://{bucket}/{name} was changed while it was looked at.") from error


def _upload(name: str, data: bytes, ports: BatchPorts) -> None:
    try:
        ports.model.upload(name, data, mime_type=_TYPE, timeout_s=_SEND_S)
    except AlreadyExistsError:  # nobody can see what is in a file
        ports.model.delete_file(name, timeout_s=_DELETE_S)
        ports.model.upload(name, data, mime_type=_TYPE, timeout_s=_SEND_S)


def source(record: BatchRecord, ports: BatchPorts) -> str:
    """Return where the service finds the input."""
    return (
        f"gs://{ports.settings.work_bucket}/{_input_name(record)}" if ports.settings.enterprise else _input_file(record)
    )


def destination(record: BatchRecord, ports: BatchPorts) -> str | None:
    """Return where the service is to write its answers, where it has to be told."""
    return f"gs://{ports.settings.work_bucket}/{_answers_folder(record)}" if ports.settings.enterprise else None


def answers(record: BatchRecord, job: BatchJob | None, ports: BatchPorts) -> Iterator[bytes]:
    """Yield the lines of a job's output, however it ended: what was done before its end is there on Vertex.

    Raises:
        TransientError: another tick has just read all of it, and deleted it.
    """
    if not ports.settings.enterprise:
        data = None
        if job is not None and job.answers is not None:
            try:
                data = ports.batches.download(job.answers, timeout_s=_DOWNLOAD_S)
            except FileUnavailableError as error:
                logs.error("the answers of a batch job are gone", number=record.number, reason=str(error))
        yield from (data or b"").splitlines()
        return
    bucket = ports.settings.work_bucket
    for name in ports.store.list_names(bucket, _answers_folder(record)):
        if name.endswith(".jsonl"):
            yield from _read(bucket, name, ports).splitlines()


def _read(bucket: str, name: str, ports: BatchPorts) -> bytes:
    try:
        return ports.store.read(bucket, name, max_bytes=_MAX_ANSWERS_BYTES)
    except NotFoundError as error:
        raise TransientError(f"gs://{bucket}/{name} is gone: another tick has read it to its end.") from error


def delete(record: BatchRecord, job: BatchJob | None, ports: BatchPorts) -> None:
    """Delete input and output of a job: they hold images, and what is said of them. What cannot be deleted is told."""
    if ports.settings.enterprise:
        bucket = ports.settings.work_bucket
        for name in ports.store.list_names(bucket, _folder(record)):
            ports.store.delete(bucket, name)
        return
    output = job.answers if job else None
    for name in (_input_file(record), *([output] if output else [])):
        try:
            ports.model.delete_file(name, timeout_s=_DELETE_S)
        except (TransientError, FileUnavailableError, PermanentError) as error:
            logs.warning("a file of a batch job stays until it expires", file=name, reason=str(error))


def _input_file(record: BatchRecord) -> str:
    """Return the name of the input at the Files API: always the same, so that there is one."""
    return transport.file_name(record.display_name.encode())


def _folder(record: BatchRecord) -> str:
    """Return the folder of the work bucket that holds input and output of a job on Vertex."""
    return f"{BATCH_FILES}{record.display_name}/"


def _input_name(record: BatchRecord) -> str:
    return f"{_folder(record)}input.jsonl"


def _answers_folder(record: BatchRecord) -> str:
    return f"{_folder(record)}answers/"
