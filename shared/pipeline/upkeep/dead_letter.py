"""Whatever Pub/Sub gave up on gets an error result: nothing ends invisible."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core import naming
from shared.core.errors import AlreadyExistsError, ErrorCode, EventRejectedError
from shared.core.events import envelopes, storage_events
from shared.core.results import documents
from shared.pipeline.job import begin
from shared.pipeline.worker import commit, lease
from shared.pipeline.worker.lease import ATTEMPT, Settled

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import Message
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

FOLDER = naming.DEAD
KIND = "uplook-event"
"""The metadata that says what a kept storage event told of: its data alone does not."""


def record_dead_letter(message: Message, ports: Ports) -> None:
    """Commit and announce an error result for an image event that was delivered in vain too often.

    What is not an image event (a storage event that `ingest` or `forget` could not handle) is kept in the work bucket
    below `dead/`: `python -m shared.operate redrive` handles it again.

    Raises:
        TransientError: a delivery is still at work, or nothing could be written; the dead letter should come again.
    """
    try:
        event = envelopes.parse_image_event(message.data)
    except EventRejectedError as error:
        _keep(message, error, ports)
        return
    _record(event, ports)


def folder_for(data: bytes) -> str:
    """Return where an event is kept that no function could handle: beside others about the same object.

    It is the folder of all where the event names no object. So whoever forgets an upload finds what tells of it.
    """
    source = envelopes.source_named(data)
    return FOLDER if source is None else naming.about(source, kept=FOLDER)


def _record(event: ImageEvent, ports: Ports) -> None:
    # No waiting: Pub/Sub may give up on a delivery that is still at work, and its result would supersede the error.
    job = replace(begin(event, ports), deadline_s=ports.clock.monotonic_s())
    claim = lease.claim(job, ports)
    if isinstance(claim, Settled):
        commit.announce(claim, ports)
        return
    try:
        _commit(job, ports)
    except Exception:
        lease.release(job, claim, ports)
        raise
    lease.release(job, claim, ports)  # so that a redrive need not wait for the lease to expire
    logs.error("dead letter", task=event.task, bucket=event.source.bucket, object=event.source.name)


def _commit(job: Job, ports: Ports) -> None:
    document = documents.unanswered(
        job.event,
        job.key,
        status="failed",
        code=ErrorCode.DEAD_LETTER,
        message="Every delivery of this event failed; the logs of the task's function say why. Redrive it"
        " after the cause is mended.",
        at=ports.clock.now_iso(),
    )
    commit.announce(commit.commit(job, document, (), ports), ports)


def _keep(message: Message, error: EventRejectedError, ports: Ports) -> None:
    kind = storage_events.kind(message.attributes)
    name = folder_for(message.data) + hashlib.sha256(kind.encode() + b"\n" + message.data).hexdigest()
    try:
        ports.store.create(
            ports.settings.work_bucket,
            name,
            message.data,
            content_type="application/octet-stream",
            metadata={ATTEMPT: ports.new_id(), KIND: kind},
        )
    except AlreadyExistsError:
        logs.info("a dead letter was delivered again", kept=name)
        return
    logs.error("a dead letter that is no image event", reason=error.message, kept=name)
