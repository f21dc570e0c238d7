"""Events that must wait are parked: kept in the work bucket, announced as `held` (version 1's word), and acknowledged.

So no delivery attempt burns and nothing is committed as a result. `unpark` publishes them again when it is time.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import budget, holding, waiting
from shared.core.errors import (
    AlreadyExistsError,
    AwayError,
    ChangedError,
    ConfigurationError,
    DailyQuotaError,
    ErrorCode,
    ParkError,
    TransientError,
)
from shared.core.events.envelopes import format_image_event
from shared.core.results import documents
from shared.core.tracing import step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports
    from shared.pipeline.worker.lease import HeldLease

PARKED_CODE = "uplook-held"
"""Metadata of a parked event: why, by the code of its error."""


@contextlib.contextmanager
def parking(held: HeldLease, ports: Ports) -> Iterator[None]:
    """Have the event parked where waiting for a minute does not help.

    Raises:
        ParkError: the day's quota is used up, the deployment must be mended, or the model is away for long.
    """
    day = budget.day_of(ports.clock.now_iso())  # a refusal that comes after the day's end tells of this day
    try:
        yield
    except DailyQuotaError as error:
        raise ParkError(ErrorCode.DAILY_QUOTA, str(error), until=budget.end_of(day)) from error
    except ConfigurationError as error:
        logs.error("the deployment must be mended: this event is tried again within the hour", reason=str(error))
        raise ParkError(ErrorCode.CONFIGURATION, str(error), until=budget.next_hour(ports.clock.now_iso())) from error
    except AwayError as error:
        if not waiting.parks(held.past.away + 1):
            raise
        logs.error("the model is away: this event is tried again within the hour", reason=str(error))
        raise ParkError(ErrorCode.MODEL_AWAY, str(error), until=budget.next_hour(ports.clock.now_iso())) from error


@step("hold")
def park(job: Job, waiting: Sequence[Job], reason: ParkError, ports: Ports) -> None:
    """Keep the event until its time comes, and say so of those parts of the job that are `waiting`.

    Raises:
        TransientError: it is not kept; the same event should be delivered again.
    """
    name = job.paths.parked(holding.place_of(reason.until, reason.code, job.event, budget=reason.budget).name)
    _store(name, format_image_event(job.event).data, ports, code=reason.code)
    logs.warning("held", code=reason.code, reason=reason.message, until=_moment(reason.until), held=name)
    tell_waiting(waiting, reason.code, until=reason.until, ports=ports)


def tell_waiting(waiting: Sequence[Job], code: ErrorCode, *, until: str, ports: Ports) -> None:
    """Say of these parts of a job that they have no result yet, and when that may change: an hour, `2026-11-22T08`.

    Raises:
        TransientError: it is not said; the same event should be delivered again.
    """
    told = [documents.parked_event(part.event, part.key, code=code, until=_moment(until)) for part in waiting]
    ports.publisher.publish(ports.settings.result_topic, told)


def _moment(hour: str) -> str:
    return f"{hour}:00:00Z"


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
