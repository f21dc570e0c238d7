"""Answers that uploads of the same content share (`core/delivery/sharing.py` says what lies where).

The order of writes makes it safe (docs/decisions/0027-pay-once-per-content.md): the use first, by which `forget` finds
all the rest; then the lease on the content, or a copy of what is there; then, once the answer is in the journal and has
been read, the copy for others. Only then the lease goes.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from shared import logs
from shared.core import jsontext
from shared.core.delivery import journal, sharing
from shared.core.delivery.journal import JournalError
from shared.core.delivery.waiting import LEASE_WAIT_S
from shared.core.errors import (
    AlreadyExistsError,
    ChangedError,
    NotFoundError,
    PermanentError,
    TransientError,
    WaitingError,
)
from shared.core.naming import REPLIES
from shared.pipeline.job import shares_answers
from shared.pipeline.worker import lease, source_image
from shared.pipeline.worker.lease import ATTEMPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.core.delivery.journal import JournalledReply
    from shared.core.delivery.sharing import Content
    from shared.core.gemini.request import ModelRequest
    from shared.core.ports import ObjectInfo
    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.inputs import Prompt

    Adopted = tuple[JournalledReply, Any]
    """Another upload's answer as this one's, and what it says to whoever asked."""

_LOOKS: Final = 3
"""How many copies are tried: they are alike, and one is enough unless somebody has damaged it."""

_FIRST_POLL_S = 0.25
_RETRY_AFTER_S = 5.0
_MAX_LEASE_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class _Asking:
    """One ask about a content. `adopt` makes of an answer what this upload can use, or None where it cannot."""

    job: Job
    content: str
    ask: int
    adopt: Callable[[JournalledReply], Adopted | None]

    @property
    def lease(self) -> str:
        return sharing.lease_name(self.content, self.job.paths.task)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A lease on a content that was taken, or an answer that made it needless (`generation` is None then).

    `left` is an answer that can be used. `entry` of a journal is what the lease names, where the next holder looks:
    the one that `left` is in until there is a copy of it, else the one that our own answer will be in.
    """

    entry: str
    left: Adopted | None = None
    generation: int | None = None


def content_asked_about(
    job: Job, request: ModelRequest, prompt: Prompt, ports: Ports, *, tasks: Sequence[str]
) -> Content | None:
    """Return what a request is about, or None where its answer is not shared.

    Raises:
        ImageRejectedError: the image must be decoded to travel, and cannot be.
    """
    if not shares_answers(job, ports):
        return None
    image = source_image.ready_for_model(job, prompt.images[0], ports)
    return sharing.content_of(request, image, tasks=tasks, leading=job.event.task, run=job.event.run)


@contextmanager
def claimed(
    job: Job, content: str, ports: Ports, *, ask: int, adopt: Callable[[JournalledReply], Adopted | None]
) -> Iterator[Adopted | None]:
    """Give what another upload of the same content was answered, or None: then this one asks, and nobody beside it.

    Raises:
        WaitingError: somebody else is asking.
    """
    asking = _Asking(job, content, ask, adopt)
    note_use(job, content, ports)
    found = _find(asking, ports)
    if found is not None:
        yield found
        return
    claim = _claim(asking, ports)
    if claim.generation is None:
        yield claim.left
        return
    try:
        # Whoever held the lease may have kept a copy since we looked, or have died before it did.
        yield _find(asking, ports) or claim.left
    except Exception:
        _release(asking, claim.generation, ports, entry=claim.entry)  # an answer may have no copy yet
        raise
    _release(asking, claim.generation, ports, entry=None)


def note_use(job: Job, content: str, ports: Ports) -> None:
    """Leave what `forget` finds this upload's part in a content by, before anything can come of it."""
    _keep(job.paths.use(content), sharing.format_use(content), ports, attempt=job.attempt)


def keep_copy(job: Job, reply: JournalledReply, ports: Ports, *, ask: int) -> None:
    """Keep this upload's copy of an answer, which others then find; there may be one already."""
    if reply.content is not None:
        name = sharing.copy_name(reply.content, job.paths, ask=ask)
        _keep(name, journal.format_reply(reply), ports, attempt=reply.attempt)


def _keep(name: str, data: bytes, ports: Ports, *, attempt: str) -> None:
    work = ports.settings.work_bucket
    try:
        ports.store.create(work, name, data, content_type="application/json", metadata={ATTEMPT: attempt})
    except AlreadyExistsError:
        if ports.store.stat(work, name) is None:
            raise TransientError(f"gs://{work}/{name} vanished while it was looked at.") from None


def _find(asking: _Asking, ports: Ports) -> Adopted | None:
    """Return what can be used of the copies that there are."""
    work, ending = ports.settings.work_bucket, f"/{asking.job.paths.task}.json"
    for name, there in islice(ports.store.list_objects(work, sharing.copies_folder(asking.content)), _LOOKS):
        found = _adopted(asking, name, there, ports) if name.endswith(ending) else None
        if found is not None:
            logs.info("the content is known: its answer is used again", content=asking.content[:16])
            return found
    return None


def _adopted(asking: _Asking, name: str, there: ObjectInfo | None, ports: Ports) -> Adopted | None:
    """Return what can be used of an answer that lies at a name, as `there` describes it."""
    if there is None:
        return None
    try:
        reply = journal.parse_reply(
            ports.store.read(ports.settings.work_bucket, name, max_bytes=journal.MAX_REPLY_BYTES)
        )
    except NotFoundError:
        return None  # its upload has just been forgotten
    except (JournalError, PermanentError) as error:
        logs.error("not an answer of ours: it is left aside", object=name, reason=str(error))
        return None
    reason = journal.why_not_ours(reply, stamp=there.metadata.get(ATTEMPT))
    if reason is not None:
        logs.error("not an answer of ours: it is left aside", object=name, reason=reason)
        return None
    return asking.adopt(reply) if reply.content == asking.content and reply.paid_by else None


def _claim(asking: _Asking, ports: Ports) -> _Claim:
    """Take the lease on a content, or find the answer meanwhile.

    Raises:
        WaitingError: somebody else is asking.
    """
    poll_s = _FIRST_POLL_S
    give_up_s = min(asking.job.deadline_s, ports.clock.monotonic_s() + LEASE_WAIT_S)
    there: ObjectInfo | None = None
    claim = _Claim(asking.job.paths.reply(asking.ask))
    while True:
        if _may_take(asking, there, ports):
            # What was found once is kept: the lease may be ours already, though we were told that it is not.
            claim = claim if claim.left else _left_behind(asking, there, ports) or claim
            generation = _take(asking, there, ports, entry=claim.entry)
            if generation is not None:
                return replace(claim, generation=generation)
        elif ports.clock.monotonic_s() + poll_s > give_up_s:
            told = "Another upload of the same content is being asked about."
            raise WaitingError(told, retry_after_s=_RETRY_AFTER_S)
        else:
            ports.clock.sleep(poll_s)
            poll_s *= 2
            found = _find(asking, ports)
            if found is not None:
                return replace(claim, left=found)
        there = ports.store.stat(ports.settings.work_bucket, asking.lease)


def _may_take(asking: _Asking, there: ObjectInfo | None, ports: Ports) -> bool:
    """Whether nobody else can be at work: nobody holds it, or it is an earlier delivery of this upload that did."""
    if there is None or lease.is_free(there, ports):
        return True
    return there.metadata.get(lease.HOLDER) == sharing.holder_of(asking.job.paths)


def _left_behind(asking: _Asking, there: ObjectInfo | None, ports: Ports) -> _Claim | None:
    """Return what can be used of the answer that the last holder journalled, and died before it kept a copy of it."""
    if there is None:
        return None
    work = ports.settings.work_bucket
    try:
        body = ports.store.read(work, asking.lease, generation=there.generation, max_bytes=_MAX_LEASE_BYTES)
        name = json.loads(body).get("journal")
    except NotFoundError:
        return None  # somebody was faster
    except (PermanentError, ValueError, AttributeError, RecursionError) as error:
        logs.error("not a lease of ours: nobody is named in it", object=asking.lease, reason=str(error))
        return None
    if not isinstance(name, str) or not name.startswith(REPLIES):
        return None
    found = _adopted(asking, name, ports.store.stat(work, name), ports)
    return None if found is None else _Claim(name, found)


def _take(asking: _Asking, there: ObjectInfo | None, ports: Ports, *, entry: str) -> int | None:
    """Take the lease, if it still is as it was seen; return its generation."""
    job = asking.job
    with suppress(ChangedError):  # somebody was faster
        return ports.store.replace(
            ports.settings.work_bucket,
            asking.lease,
            jsontext.dump_compact({"attempt": job.attempt, "journal": entry}),
            generation=there.generation if there else 0,
            content_type="application/json",
            metadata=lease.content_metadata(job, held=True),
        )
    return None


def _release(asking: _Asking, generation: int, ports: Ports, *, entry: str | None) -> None:
    """Let the lease go; a courtesy that never fails. `entry` of a journal may hold an answer that has no copy yet."""
    job = asking.job
    body = {"attempt": job.attempt} | ({} if entry is None else {"journal": entry})
    try:
        ports.store.replace(
            ports.settings.work_bucket,
            asking.lease,
            jsontext.dump_compact(body),
            generation=generation,
            content_type="application/json",
            metadata=lease.content_metadata(job, held=False),
        )
    except ChangedError:
        logs.warning("the lease on a content was taken over meanwhile", lease=asking.lease)
    except TransientError as error:
        logs.warning("the lease on a content is kept until it expires", lease=asking.lease, reason=str(error))
