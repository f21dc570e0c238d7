"""Events that must wait are parked: kept in the work bucket, announced as `held` (version 1's word), and acknowledged.

So no delivery attempt burns and nothing is committed as a result. `unpark` publishes them again when it is time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import logs
from shared.core.errors import AlreadyExistsError, ChangedError, TransientError
from shared.core.events.envelopes import format_image_event
from shared.core.results import documents

if TYPE_CHECKING:
    from shared.core.errors import ParkError
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

PARKED_CODE = "uplook-held"
"""Metadata of a parked event: why, by the code of its error."""


def park(job: Job, reason: ParkError, ports: Ports) -> None:
    """Keep the event until its time comes, and say so.

    Raises:
        TransientError: it is not kept; the same event should be delivered again.
    """
    name = job.paths.parked(reason.until)
    _store(name, format_image_event(job.event).data, ports, code=reason.code)
    until = f"{reason.until}:00:00Z"
    logs.warning("held", code=reason.code, reason=reason.message, until=until, held=name)
    event = documents.parked_event(job.event, job.key, code=reason.code, until=until)
    ports.publisher.publish(ports.settings.result_topic, [event])


def _store(name: str, data: bytes, ports: Ports, *, code: str) -> None:
    bucket, metadata = ports.settings.work_bucket, {PARKED_CODE: code}
    try:
        ports.store.create(bucket, name, data, content_type="application/json", metadata=metadata)
    except AlreadyExistsError:
        # Written anew, so that a release that is under way sees another generation and leaves it alone.
        there = ports.store.stat(bucket, name)
        try:
            ports.store.replace(
                bucket,
                name,
                data,
                generation=there.generation if there else 0,
                content_type="application/json",
                metadata=metadata,
            )
        except ChangedError as error:
            raise TransientError(f"{name} changed while it was written.") from error
