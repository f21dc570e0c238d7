"""The Files API with one upload per content: deterministic names, reuse, and a bounded wait for ACTIVE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import logs
from shared.core.errors import AlreadyExistsError, ConfigurationError, FileUnavailableError, TransientError
from shared.core.gemini import transport
from shared.pipeline.job import remaining_s
from shared.pipeline.retry import with_retries

if TYPE_CHECKING:
    from shared.core.ports import ModelFile
    from shared.core.values import PreparedImage
    from shared.pipeline.job import Job, WorkerPorts

MAX_WAIT_S = 60.0
_LOOK_TIMEOUT_S = 15.0
"""For questions that carry no image."""

_FIRST_POLL_S = 0.2
_LONGEST_POLL_S = 3.0


def ensure(job: Job, prepared: PreparedImage, ports: WorkerPorts) -> tuple[ModelFile, bool]:
    """Return an ACTIVE file holding these bytes, and whether an earlier upload was reused.

    Raises:
        TransientError: the Files API is away, over its quota, or could not process the image in time or at all.
    """
    name = transport.file_name(prepared.data)
    # One small question before megabytes are sent: three tasks of one image share one upload.
    file, reused = _look(job, name, ports), True
    if file is None:
        file, reused = _upload(job, name, prepared, ports)
    file = _processed(job, name, file, ports)
    if file.state == "ACTIVE":
        return file, reused
    logs.warning("the Files API could not process the upload: it is uploaded once more", file=name)
    return upload_again(job, prepared, ports), False


def upload_again(job: Job, prepared: PreparedImage, ports: WorkerPorts) -> ModelFile:
    """Return an ACTIVE file that was uploaded anew: the old one is refused although it is listed."""
    name = transport.file_name(prepared.data)
    with_retries(job, ports, lambda: ports.model.delete_file(name, timeout_s=_look_timeout_s(job, ports)))
    file, _ = _upload(job, name, prepared, ports)
    file = _processed(job, name, file, ports)
    if file.state != "ACTIVE":
        raise TransientError(f"{name}: the Files API could not process the image, and not a fresh upload either.")
    return file


def register(job: Job, uri: str, ports: WorkerPorts) -> ModelFile:
    """Return an ACTIVE file that the service reads from the bucket itself.

    Raises:
        FileUnavailableError: the service may not read the object.
        TransientError: the Files API is away, or could not process the object in time or at all.
    """
    registered = with_retries(job, ports, lambda: ports.model.register_file(uri, timeout_s=remaining_s(job, ports)))
    file = _processed(job, registered.name, registered, ports)
    if file.state != "ACTIVE":
        raise TransientError(f"{file.name}: the Files API could not process {uri}.")
    return file


def _look(job: Job, name: str, ports: WorkerPorts) -> ModelFile | None:
    return with_retries(job, ports, lambda: ports.model.get_file(name, timeout_s=_look_timeout_s(job, ports)))


def _look_timeout_s(job: Job, ports: WorkerPorts) -> float:
    return min(_LOOK_TIMEOUT_S, remaining_s(job, ports))


def _upload(job: Job, name: str, prepared: PreparedImage, ports: WorkerPorts) -> tuple[ModelFile | None, bool]:
    def upload() -> ModelFile:
        left_s = remaining_s(job, ports)
        return ports.model.upload(name, prepared.data, mime_type=prepared.mime_type, timeout_s=left_s)

    try:
        return with_retries(job, ports, upload), False
    except AlreadyExistsError:
        return None, True  # another worker uploads the same bytes right now, or did: wait for its file
    except FileUnavailableError as error:
        # What does not exist yet cannot have expired: this key, or this project, may not upload.
        raise ConfigurationError(str(error)) from error


def _processed(job: Job, name: str, file: ModelFile | None, ports: WorkerPorts) -> ModelFile:
    """Wait until the file is ACTIVE or FAILED."""
    give_up_s = ports.clock.monotonic_s() + min(MAX_WAIT_S, remaining_s(job, ports) / 2)
    poll_s = _FIRST_POLL_S
    while file is None or file.state == "PROCESSING":
        if ports.clock.monotonic_s() + poll_s > give_up_s:
            raise TransientError(f"{name} did not become ACTIVE in time.")
        ports.clock.sleep(poll_s)
        poll_s = min(poll_s * 2, _LONGEST_POLL_S)
        file = _look(job, name, ports)
    return file
