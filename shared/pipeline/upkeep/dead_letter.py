"""Whatever Pub/Sub gave up on gets an error result: nothing ends invisible."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core import jsontext, naming
from shared.core.errors import AlreadyExistsError, ErrorCode, EventRejectedError
from shared.core.events import envelopes, storage_events
from shared.core.results import documents
from shared.pipeline.job import begin
from shared.pipeline.worker import commit, lease
from shared.pipeline.worker.lease import ATTEMPT, HeldLease

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import Message
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

FOLDER = naming.DEAD
KIND, SUBSCRIPTION = "uplook-event", "uplook-subscription"
"""The metadata that say what a kept storage event told of, and who was to hear of it: its data alone do not."""


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
    if not isinstance(claim, HeldLease):
        for each in claim:
            commit.announce(each, ports)
        return
    try:
        done = lease.done_before(job, claim, ports)
        for settled in done.values():
            commit.announce(settled, ports)
        for part in reversed(job.parts()):  # the leading task last, as workers do it
            if part.event.task not in done:
                _commit(part, claim, ports)
    except Exception:
        lease.release(job, claim, ports, past=claim.past)
        raise
    lease.release(job, claim, ports)  # so that a redrive need not wait for the lease to expire
    logs.error("dead letter", task="+".join(event.tasks), bucket=event.source.bucket, object=event.source.name)


def _commit(job: Job, held: HeldLease, ports: Ports) -> None:
    document = documents.unanswered(
        job.event,
        job.key,
        status="failed",
        code=ErrorCode.DEAD_LETTER,
        message=f"Every delivery of this event failed. {_why(held)} Redrive it after the cause is mended.",
        at=ports.clock.now_iso(),
    )
    commit.announce(commit.commit(job, document, (), ports), ports)


def _why(held: HeldLease) -> str:
    """Say what the deliveries left behind in the lease."""
    past = held.past
    if held.first:
        return (
            "None got as far as its lease: the function could not be reached, did not start, or could not use the work"
            " bucket; its logs say which."
        )
    if past.died:
        before = f" The last error before that: {_sentence(past.reason)}" if past.reason else ""
        return f"The last one ended without a word: its instance was killed, as for too much memory, or cut.{before}"
    if past.reason:
        return f"The last error: {_sentence(past.reason)}"
    return "None of them left a reason; the logs of the task's function say why."


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _keep(message: Message, error: EventRejectedError, ports: Ports) -> None:
    kind, data = storage_events.kind(message.attributes), _kept(message)
    name = folder_for(data) + hashlib.sha256(kind.encode() + b"\n" + data).hexdigest()
    metadata = {ATTEMPT: ports.new_id(), KIND: kind, SUBSCRIPTION: storage_events.subscription(message.attributes)}
    try:
        ports.store.create(
            ports.settings.work_bucket, name, data, content_type="application/octet-stream", metadata=metadata
        )
    except AlreadyExistsError:
        logs.info("a dead letter was delivered again", kept=name)
        return
    logs.error("a dead letter that is no image event", reason=error.message, kept=name)


def _kept(message: Message) -> bytes:
    """Return all that a message says: one without data says it in its attributes."""
    data = storage_events.resource(message)
    return data or jsontext.dump_compact({"attributes": dict(message.attributes)})
