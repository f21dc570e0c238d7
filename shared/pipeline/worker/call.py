"""One call of the model: in its turn, within the delivery's deadline, and only if the day's ceiling has room for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.delivery import budget
from shared.core.errors import (
    ErrorCode,
    FileUnavailableError,
    ModelRejectedError,
    ParkError,
    RefusedError,
    ThrottledError,
    TransientError,
)
from shared.core.gemini import prices
from shared.core.replies.answer import is_answer, read_answer
from shared.core.tracing import step
from shared.pipeline.job import remaining_s, require_time, today
from shared.pipeline.retry import with_retries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.core.gemini.request import ModelRequest
    from shared.pipeline.instance.budgets import NestedBudget, NestedReservation
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.send import Attached


def answer(job: Job, attached: Attached, ports: WorkerPorts) -> Mapping[str, Any]:
    """Return what the model answers; transient failures are retried within the deadline.

    Raises:
        ParkError: the day's ceiling is reached.
        FileUnavailableError, ModelRejectedError: the model refuses the request as it travels.
        TransientError: no answer within this delivery.
    """
    request = attached.request
    most_usd = prices.reserve_usd(request, images_px=attached.sizes_px, day=today(ports))
    return with_retries(job, ports, lambda: _call(job, request, most_usd, ports))


@step("call")
def _call(job: Job, request: ModelRequest, most_usd: float, ports: WorkerPorts) -> Mapping[str, Any]:
    """Make one call: in its turn, within the deadline, and only if the day's ceiling has room for it."""
    ports.pacer.wait(request.model, ports.clock, remaining_s=remaining_s(job, ports))
    require_time(job, ports, "a model call")  # it would be paid for, and nobody would be there to take the answer
    guard = ports.budget.of(job.event.source)
    reserved = guard.reserve(most_usd, ports, timeout_s=remaining_s(job, ports))
    with _never_made(reserved, guard):
        require_time(job, ports, "a model call")  # it may have waited for others of this instance
        ports.in_flight.asking(job.attempt)
    logs.info("asking", model=request.model)
    begun_s = ports.clock.monotonic_s()
    try:
        response = ports.model.generate(request, timeout_s=remaining_s(job, ports))
    except (RefusedError, FileUnavailableError, ModelRejectedError) as error:
        guard.refund(reserved)
        if isinstance(error, ThrottledError):
            now_s = ports.clock.monotonic_s()
            ports.pacer.refused(
                request.model, error, day=reserved.day, begun_s=begun_s, now_s=now_s, jitter=ports.jitter()
            )
        raise
    except Exception:
        guard.settle(reserved, None, ports)  # there may have been an answer, and whatever it cost counts
        raise
    ports.in_flight.answered(job.attempt)
    ports.pacer.answered(request.model, now_s=ports.clock.monotonic_s())
    answer = read_answer(response)
    spent_usd = prices.spent_usd(request.model, served=answer.served_model, usage=answer.usage, day=today(ports))
    guard.settle(reserved, spent_usd, ports)
    if not is_answer(response):
        raise TransientError("Gemini answered 200 without candidates: a broken answer, not an empty one.")
    return response


@contextlib.contextmanager
def _never_made(reserved: NestedReservation, guard: NestedBudget) -> Iterator[None]:
    """Give a reservation back where its call is not begun."""
    try:
        yield
    except Exception:
        guard.refund(reserved)
        raise


def require_model(job: Job, ports: WorkerPorts) -> None:
    """Hold the event where nobody answers the model that it names.

    Raises:
        ParkError: until the rules, the settings or the model registry are mended.
    """
    if job.asks.refused is None:
        return
    logs.error("the deployment must be mended: this event is held", reason=job.asks.refused)
    raise ParkError(ErrorCode.CONFIGURATION, job.asks.refused, until=budget.next_hour(ports.clock.now_iso()))
