"""Whatever Pub/Sub gave up on gets an error result: nothing ends invisible."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from shared import logs
from shared.core import envelopes, results
from shared.core.errors import AlreadyExistsError, EventRejectedError
from shared.pipeline import committing, leases
from shared.pipeline.work import begin

if TYPE_CHECKING:
    from shared.pipeline.work import Ports


def record_dead_letter(payload: bytes, ports: Ports) -> None:
    """Commit and announce an error result for an image event that was delivered in vain too often.

    What is not an image event (a storage event that ingest could not handle) is kept in the work bucket below
    `dead/`, where a person finds it.
    """
    try:
        event = envelopes.parse_image_event(payload)
    except EventRejectedError as error:
        _keep(payload, error, ports)
        return
    job = begin(event, ports)
    done = leases.settled(job, ports)
    if done is None:
        document = results.unanswered(
            event,
            job.key,
            status="failed",
            code="dead_letter",
            message="Every delivery of this event failed; the logs of the task's function say why. Redrive it"
            " after the cause is mended.",
            at=ports.clock.now_iso(),
        )
        done = committing.commit(job, document, (), ports)
        logs.error("dead letter", task=event.task, bucket=event.source.bucket, object=event.source.name)
    committing.announce(done, ports)


def _keep(payload: bytes, error: EventRejectedError, ports: Ports) -> None:
    name = f"dead/{hashlib.sha256(payload).hexdigest()}"
    try:
        ports.store.create(ports.settings.work_bucket, name, payload, content_type="application/octet-stream")
    except AlreadyExistsError:
        logs.info("a dead letter was delivered again", kept=name)
        return
    logs.error("a dead letter that is no image event", reason=error.message, kept=name)
