"""The Files API with one upload per content: deterministic names, reuse, and a bounded wait for ACTIVE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core import transport
from shared.core.errors import AlreadyExistsError, TransientError
from shared.pipeline.work import remaining_s

if TYPE_CHECKING:
    from shared.core.model import Prepared
    from shared.core.ports import ModelFile
    from shared.pipeline.work import Job, Ports

MAX_WAIT_S = 60.0
_FIRST_POLL_S = 0.2
_LONGEST_POLL_S = 3.0


def ensure(job: Job, prepared: Prepared, ports: Ports) -> tuple[ModelFile, bool]:
    """Return an ACTIVE file holding these bytes, and whether an earlier upload was reused.

    Raises:
        TransientError: it did not become ACTIVE in time, or processing failed (the failed file is deleted).
    """
    name = transport.file_name(prepared.data)
    # One small question before megabytes are sent: three tasks of one image share one upload.
    known = ports.model.get_file(name, timeout_s=remaining_s(job, ports))
    if known is not None:
        return _active(job, name, known, ports), True
    uploaded, reused = _upload(job, name, prepared, ports)
    return _active(job, name, uploaded, ports), reused


def upload_again(job: Job, prepared: Prepared, ports: Ports) -> ModelFile:
    """Return an ACTIVE file that was uploaded anew: the old one is refused although it is listed."""
    name = transport.file_name(prepared.data)
    ports.model.delete_file(name, timeout_s=remaining_s(job, ports))
    uploaded, _ = _upload(job, name, prepared, ports)
    return _active(job, name, uploaded, ports)


def _upload(job: Job, name: str, prepared: Prepared, ports: Ports) -> tuple[ModelFile | None, bool]:
    try:
        left_s = remaining_s(job, ports)
        return ports.model.upload(name, prepared.data, mime_type=prepared.mime_type, timeout_s=left_s), False
    except AlreadyExistsError:
        return None, True  # another worker uploads the same bytes right now, or did: wait for its file


def _active(job: Job, name: str, file: ModelFile | None, ports: Ports) -> ModelFile:
    give_up_s = ports.clock.monotonic_s() + min(MAX_WAIT_S, remaining_s(job, ports))
    poll_s = _FIRST_POLL_S
    while file is None or file.state != "ACTIVE":
        if file is not None and file.state == "FAILED":
            ports.model.delete_file(name, timeout_s=remaining_s(job, ports))
            raise TransientError(f"{name}: the Files API could not process the upload; it is deleted for a new try.")
        if ports.clock.monotonic_s() + poll_s > give_up_s:
            raise TransientError(f"{name} did not become ACTIVE in time.")
        ports.clock.sleep(poll_s)
        poll_s = min(poll_s * 2, _LONGEST_POLL_S)
        file = ports.model.get_file(name, timeout_s=remaining_s(job, ports))
    return file
