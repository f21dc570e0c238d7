"""Leases: who works on a key, by create-only writes and the server's own time. Steps 1 and 2 of the protocol.

A lease is an object in the work bucket. Its generation is the fencing token: only its holder can release it, and
only one of many can take over an expired one. While it exists, the key has been seen: only whoever removes all that
belongs to the key deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core import jsontext
from shared.core.errors import AlreadyExistsError, ChangedError, NotFoundError, PermanentError, TransientError
from shared.core.events import storage_events
from shared.core.results import authorship
from shared.core.results.authorship import ForeignObjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.naming import Paths
    from shared.core.ports import ObjectInfo
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

ATTEMPT = storage_events.STAMP
_STATE = "uplook-state"
_FIRST_POLL_S = 0.25
_LONGEST_POLL_S = 5.0
MAX_DOCUMENT_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class HeldLease:
    """This delivery works. `first` is True where nobody can have been here before."""

    generation: int
    first: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Somebody has finished: `document` is committed in the results bucket as `name`."""

    document: Mapping[str, Any]
    name: str


def claim(job: Job, ports: Ports) -> HeldLease | Settled:
    """Take the key, or find it settled; wait for whoever holds it as long as the own deadline allows.

    Raises:
        TransientError: somebody else still holds the lease.
    """
    body = jsontext.dump_compact({"attempt": job.attempt, "key": job.key})
    try:
        generation = ports.store.create(
            ports.settings.work_bucket,
            job.paths.lease,
            body,
            content_type="application/json",
            metadata=_metadata(job, "held"),
        )
        return HeldLease(generation, first=True)
    except AlreadyExistsError:
        return _claim_seen(job, ports, body)


def release(job: Job, held: HeldLease, ports: Ports) -> None:
    """Let the key go, so that a redelivery need not wait for the lease to expire.

    It is a courtesy and never fails: neither what is committed nor the error on its way up depends on it.
    """
    try:
        ports.store.replace(
            ports.settings.work_bucket,
            job.paths.lease,
            jsontext.dump_compact({"attempt": job.attempt, "key": job.key}),
            generation=held.generation,
            content_type="application/json",
            metadata=_metadata(job, "released"),
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
            metadata={ATTEMPT: attempt, _STATE: "held"},
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
        and ports.store.stat(ports.settings.results_bucket, paths.result) is None
    )


def settled(job: Job, ports: Ports) -> Settled | None:
    """Return what is committed for this key: the result, or the error of this very redrive.

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
    known = (job.attempt == stamp, *(_stamp(work, at, ports) == stamp for at in (job.paths.lease, job.paths.reply(0))))
    if stamp is None or not any(known):
        told = f"No attempt of ours is known that wrote it (its {ATTEMPT} is {stamp!r})."
        raise ForeignObjectError(told, document)


def _stamp(bucket: str, name: str, ports: Ports) -> str | None:
    there = ports.store.stat(bucket, name)
    return there.metadata.get(ATTEMPT) if there else None


def _claim_seen(job: Job, ports: Ports, body: bytes) -> HeldLease | Settled:
    poll_s = _FIRST_POLL_S
    while True:
        # The lease first: whoever commits and lets go behind this look changes its generation, and none is taken then.
        lease = ports.store.stat(ports.settings.work_bucket, job.paths.lease)
        done = settled(job, ports)
        if done is not None:
            return done
        held = _take(job, ports, body, lease)
        if held is not None:
            return held
        if ports.clock.monotonic_s() + poll_s >= job.deadline_s:
            raise TransientError(f"{job.paths.lease} is held by another delivery.", retry_after_s=_LONGEST_POLL_S)
        ports.clock.sleep(poll_s)
        poll_s = min(poll_s * 2, _LONGEST_POLL_S)


def _take(job: Job, ports: Ports, body: bytes, lease: ObjectInfo | None) -> HeldLease | None:
    """Take the lease over where it is ours, free, expired or gone; None where another holds it."""
    if lease is not None and lease.metadata.get(ATTEMPT) == job.attempt:
        return HeldLease(lease.generation, first=False)  # our own write, whose answer was lost
    if lease is not None and not _free(lease, ports.settings.lease_ttl_s):
        return None
    try:
        generation = ports.store.replace(
            ports.settings.work_bucket,
            job.paths.lease,
            body,
            generation=lease.generation if lease else 0,
            content_type="application/json",
            metadata=_metadata(job, "held"),
        )
    except ChangedError:
        return None  # somebody was faster
    return HeldLease(generation, first=False)


def _free(lease: ObjectInfo, ttl_s: float) -> bool:
    return lease.metadata.get(_STATE) == "released" or lease.age_s > ttl_s


def _metadata(job: Job, state: str) -> dict[str, str]:
    return {ATTEMPT: job.attempt, _STATE: state}
