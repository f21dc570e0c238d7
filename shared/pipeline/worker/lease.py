"""Leases: who works on a key, by create-only writes and the server's own time. Steps 1 and 2 of the protocol.

A lease is an object in the work bucket. Its generation is the fencing token: only its holder can release it, and
only one of many can take over an expired one. While it exists, the key has been seen: only whoever removes all that
belongs to the key deletes it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import jsontext
from shared.core.delivery import sharing
from shared.core.delivery.waiting import LEASE_WAIT_S
from shared.core.errors import (
    AlreadyExistsError,
    AwayError,
    ChangedError,
    NotFoundError,
    PermanentError,
    TransientError,
    UplookError,
    WaitingError,
)
from shared.core.events import storage_events
from shared.core.redaction import redact
from shared.core.results import authorship
from shared.core.results.authorship import ForeignObjectError
from shared.core.tracing import step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.naming import Paths
    from shared.core.operating.works import LeaseState, WorkName
    from shared.core.ports import ObjectInfo
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

ATTEMPT = storage_events.STAMP
_STATE, _REASON, _AWAY, _DIED = "uplook-state", "uplook-reason", "uplook-away", "uplook-died"
_TRACEPARENT = "uplook-traceparent"
"""Metadata of a lease: the span of the delivery that took it, while spans are told."""

_WITH = "uplook-with"
"""Metadata of a lease: the other tasks of its ask. Their results belong to the work that it stands for."""

HOLDER = "uplook-holder"
"""Metadata of a lease on a content: the upload that it is held for."""

_HELD, _RELEASED = "held", "released"
_FIRST_POLL_S = 0.25
_RETRY_AFTER_S = 5.0
_MAX_REASON = 500
MAX_DOCUMENT_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier deliveries left in a lease.

    `reason` is the last error that one of them ended in, `away` how many in a row found the model away. `died` says
    that the last holder ended without a word.
    """

    reason: str | None = None
    away: int = 0
    died: bool = False


@dataclass(frozen=True, slots=True)
class HeldLease:
    """This delivery works. `first` is True where nobody can have been here before.

    `done` is what is committed already, by task: of an ask with several, some may be. `traceparent` is the span of this
    delivery.
    """

    generation: int
    first: bool
    past: Past = field(default_factory=Past)
    done: Mapping[str, Settled] = field(default_factory=dict)
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Somebody has finished: `document` is committed in the results bucket as `name`."""

    document: Mapping[str, Any]
    name: str


@step("lease")
def claim(job: Job, ports: Ports) -> HeldLease | tuple[Settled, ...]:
    """Take the key, or find all of it settled; wait for whoever holds it a moment, and no longer than the deadline.

    Raises:
        TransientError: somebody else still holds the lease.
    """
    body, traceparent = jsontext.dump_compact({"attempt": job.attempt, "key": job.key}), ports.tracer.traceparent()
    try:
        generation = ports.store.create(
            ports.settings.work_bucket,
            job.paths.lease,
            body,
            content_type="application/json",
            metadata=_metadata(job.attempt, _HELD, others=_others(job), traceparent=traceparent),
        )
    except AlreadyExistsError:
        return _claim_seen(job, ports, body)
    return HeldLease(generation, first=True, traceparent=traceparent)


def done_before(job: Job, held: HeldLease, ports: Ports) -> Mapping[str, Settled]:
    """Return what is committed already of a job whose lease is held, by task.

    Of a new ask, others than the leading task may be: before the rules put them together, they were asked alone.
    """
    if not held.first:
        return held.done
    found = {}
    for part in job.parts()[1:]:
        with contextlib.suppress(NotFoundError, ForeignObjectError):  # what is foreign is told when its place is taken
            found[part.event.task] = read_settled(part.paths.result, part, ports)
    return found


def after(error: Exception, held: HeldLease) -> Past:
    """Return what a delivery that ends in this error leaves behind."""
    text = str(error) if isinstance(error, UplookError) else f"{type(error).__name__}: {error}"
    if isinstance(error, WaitingError):
        return Past(text, held.past.away)  # it did not ask, and cannot know whether the model is back
    return Past(text, held.past.away + 1 if isinstance(error, AwayError) else 0)


def release(job: Job, held: HeldLease, ports: Ports, *, past: Past | None = None) -> None:
    """Let the key go, so that a redelivery need not wait for the lease to expire; leave `past` for whoever comes next.

    It is a courtesy and never fails: neither what is committed nor the error on its way up depends on it.
    """
    try:
        ports.store.replace(
            ports.settings.work_bucket,
            job.paths.lease,
            jsontext.dump_compact({"attempt": job.attempt, "key": job.key}),
            generation=held.generation,
            content_type="application/json",
            metadata=_metadata(job.attempt, _RELEASED, past, others=_others(job), traceparent=held.traceparent),
        )
    except ChangedError:
        logs.warning("the lease was taken over meanwhile", lease=job.paths.lease)
    except TransientError as error:
        logs.warning("the lease is kept until it expires", lease=job.paths.lease, reason=str(error))


def seize(paths: Paths, ports: Ports, *, attempt: str) -> int | None:
    """Take the key in order to remove all that belongs to it; return the lease's generation.

    None where a delivery is at work. Whoever has committed a result is done: the lease it leaves behind is a mark. One
    of the same `attempt` is ours.
    """
    lease = ports.store.stat(ports.settings.work_bucket, paths.lease)
    if _is_at_work(lease, paths, ports, attempt=attempt):
        return None
    try:
        return ports.store.replace(
            ports.settings.work_bucket,
            paths.lease,
            jsontext.dump_compact({"attempt": attempt}),
            generation=lease.generation if lease else 0,
            content_type="application/json",
            metadata=_metadata(attempt, _HELD),
        )
    except ChangedError:
        return None  # somebody was faster


def is_at_work(paths: Paths, ports: Ports) -> bool:
    """Whether a delivery is at work on a key now."""
    return _is_at_work(ports.store.stat(ports.settings.work_bucket, paths.lease), paths, ports, attempt="")


def is_held_by(paths: Paths, ports: Ports, *, attempt: str) -> bool:
    """Whether a lease was last taken by this attempt."""
    return _stamp(ports.settings.work_bucket, paths.lease, ports) == attempt


def _is_at_work(lease: ObjectInfo | None, paths: Paths, ports: Ports, *, attempt: str) -> bool:
    return (
        lease is not None
        and lease.metadata.get(ATTEMPT) != attempt
        and not _free(lease, ports.settings.lease_ttl_s)
        and not all(_has_result(replace(paths, task=task), ports) for task in (paths.task, *_named_in(lease)))
    )


def state_of(work: WorkName, lease: ObjectInfo, *, ttl_s: float) -> LeaseState:
    """Return what a lease says to somebody who only looks at it."""
    from shared.core.operating.works import LeaseState

    return LeaseState(
        work,
        attempt=lease.metadata.get(ATTEMPT, ""),
        age_s=lease.age_s,
        held=lease.metadata.get(_STATE) != _RELEASED,
        expired=lease.age_s > ttl_s,
        reason=lease.metadata.get(_REASON, ""),
    )


def states_of(work: WorkName, lease: ObjectInfo, *, ttl_s: float) -> list[LeaseState]:
    """Return what a lease says of each task that it stands for."""
    tasks = (work.task, *_named_in(lease))
    return [state_of(replace(work, task=task), lease, ttl_s=ttl_s) for task in tasks]


def is_free(lease: ObjectInfo, ports: Ports) -> bool:
    """Whether nobody can be at work under a lease: it was let go, or has expired by the server's time."""
    return _free(lease, ports.settings.lease_ttl_s)


def content_metadata(job: Job, *, held: bool) -> dict[str, str]:
    """Return the metadata of a lease on a content that uploads share (`reuse`)."""
    return _metadata(job.attempt, _HELD if held else _RELEASED) | {HOLDER: sharing.holder_of(job.paths)}


def _has_result(paths: Paths, ports: Ports) -> bool:
    return ports.store.stat(ports.settings.results_bucket, paths.result) is not None


def _others(job: Job) -> tuple[str, ...]:
    """Return the tasks of a job's ask but for the leading one."""
    return job.event.tasks[1:]


def _named_in(lease: ObjectInfo) -> Sequence[str]:
    """Return the other tasks of the ask that a lease stands for."""
    return [task for task in lease.metadata.get(_WITH, "").split(",") if task]


def settled(job: Job, ports: Ports) -> Settled | None:
    """Return what is committed for a job or a part of one: the result, or the error of this very redrive.

    What is not ours settles nothing: it is told, and the work is done.
    """
    for name in (job.paths.result, job.paths.error(job.event.redrive)):
        try:
            return read_settled(name, job, ports)
        except NotFoundError:
            continue
        except ForeignObjectError as error:
            logs.error("not one of our results: it is left aside", object=name, reason=str(error))
    return None


def read_settled(name: str, job: Job, ports: Ports) -> Settled:
    """Return a committed document.

    Raises:
        NotFoundError: nothing is committed under this name.
        ForeignObjectError: something is, and this deployment did not write it.
    """
    try:
        data = ports.store.read(ports.settings.results_bucket, name, max_bytes=MAX_DOCUMENT_BYTES)
    except PermanentError as error:
        raise ForeignObjectError(error.message) from error
    document = authorship.own_document(data, job.event, failed=name != job.paths.result)
    if ports.settings.results_among_uploads:
        _require_author(name, document, job, ports)
    return Settled(document, name)


def _require_author(name: str, document: Mapping[str, Any], job: Job, ports: Ports) -> None:
    """Make sure that the work bucket knows the attempt that stamped an object: nobody who may only upload writes there.

    Raises:
        ForeignObjectError: it does not.
    """
    stamp = _stamp(ports.settings.results_bucket, name, ports)
    work = ports.settings.work_bucket
    # A result of an ask with several tasks was written under the leading one's lease, unless it was asked alone before.
    known = (
        _stamp(work, at, ports)
        for paths in dict.fromkeys((job.leading, job.paths))
        for at in (paths.lease, paths.reply(0))
    )
    if stamp is None or not (job.attempt == stamp or any(each == stamp for each in known)):
        told = f"No attempt of ours is known that wrote it (its {ATTEMPT} is {stamp!r})."
        raise ForeignObjectError(told, document)


def _stamp(bucket: str, name: str, ports: Ports) -> str | None:
    there = ports.store.stat(bucket, name)
    return there.metadata.get(ATTEMPT) if there else None


def _claim_seen(job: Job, ports: Ports, body: bytes) -> HeldLease | tuple[Settled, ...]:
    poll_s = _FIRST_POLL_S
    give_up_s = min(job.deadline_s, ports.clock.monotonic_s() + LEASE_WAIT_S)
    while True:
        # The lease first: whoever commits and lets go behind this look changes its generation, and none is taken then.
        lease = ports.store.stat(ports.settings.work_bucket, job.paths.lease)
        done = {part.event.task: found for part in job.parts() if (found := settled(part, ports)) is not None}
        if len(done) == len(job.event.tasks):
            _link(lease, ports)
            return tuple(done.values())
        held = _take(job, ports, body, lease)
        if held is not None:
            _link(lease, ports)
            return replace(held, done=done)
        if ports.clock.monotonic_s() + poll_s > give_up_s:
            raise TransientError(f"{job.paths.lease} is held by another delivery.", retry_after_s=_RETRY_AFTER_S)
        if poll_s == _FIRST_POLL_S:
            logs.info("another delivery is at work: its lease is waited for")
        ports.clock.sleep(poll_s)
        poll_s *= 2


def _take(job: Job, ports: Ports, body: bytes, lease: ObjectInfo | None) -> HeldLease | None:
    """Take the lease over where it is ours, free, expired or gone; None where another holds it."""
    past, traceparent = _past(lease), ports.tracer.traceparent()
    if lease is not None and lease.metadata.get(ATTEMPT) == job.attempt:
        return HeldLease(
            lease.generation, first=False, past=past, traceparent=traceparent
        )  # our own write, whose answer was lost
    if lease is not None and not _free(lease, ports.settings.lease_ttl_s):
        return None
    try:
        generation = ports.store.replace(
            ports.settings.work_bucket,
            job.paths.lease,
            body,
            generation=lease.generation if lease else 0,
            content_type="application/json",
            # A holder that dies must not take the last reason with it.
            metadata=_metadata(job.attempt, _HELD, past, others=_others(job), traceparent=traceparent),
        )
    except ChangedError:
        return None  # somebody was faster
    return HeldLease(generation, first=False, past=past, traceparent=traceparent)


def _link(lease: ObjectInfo | None, ports: Ports) -> None:
    """Link this delivery's span to the one that had the lease before."""
    if lease is not None:
        ports.tracer.link(lease.metadata.get(_TRACEPARENT))


def _free(lease: ObjectInfo, ttl_s: float) -> bool:
    return lease.metadata.get(_STATE) == _RELEASED or lease.age_s > ttl_s


def _past(lease: ObjectInfo | None) -> Past:
    if lease is None:
        return Past()
    away = lease.metadata.get(_AWAY, "")
    return Past(
        reason=lease.metadata.get(_REASON),
        away=int(away) if away.isascii() and away.isdecimal() and len(away) < 10 else 0,  # noqa: PLR2004 - not ours
        died=lease.metadata.get(_STATE) != _RELEASED or _DIED in lease.metadata,
    )


def _metadata(
    attempt: str,
    state: str,
    past: Past | None = None,
    *,
    others: Sequence[str] = (),
    traceparent: str | None = None,
) -> dict[str, str]:
    """Return a lease's metadata: at most 8 KiB, as Cloud Storage has it."""
    metadata = {ATTEMPT: attempt, _STATE: state}
    if others:
        metadata[_WITH] = ",".join(others)
    if traceparent:
        metadata[_TRACEPARENT] = traceparent
    if past is not None and past.reason:
        metadata[_REASON] = _one_line(past.reason)
    if past is not None and past.away:
        metadata[_AWAY] = str(past.away)
    if past is not None and past.died:
        metadata[_DIED] = "true"
    return metadata


def _one_line(reason: str) -> str:
    """Return a reason that may stand in metadata and documents: no secret, no line break, no half character."""
    text = " ".join(redact(reason).split()).encode(errors="replace").decode()
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 1]}…"
