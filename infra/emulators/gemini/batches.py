"""Batch jobs: done in the background by the same code that answers calls."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .batch_lines import Outcome
from .errors import ApiError, plain
from .files import new_id
from .paging import cut_page
from .responses import document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from ..common.faults import Fault
    from .addresses import Target
    from .batch_lines import Line
    from .control import CallLog
    from .faults import FaultInjector
    from .generator import Generator

    Deliver = Callable[["Job", Sequence[Outcome]], Awaitable[dict[str, Any]]]

MAX_UNFINISHED = 100
_LOGGER = logging.getLogger(__name__)


class State(StrEnum):
    """Where a job stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    PARTIALLY_SUCCEEDED = "PARTIALLY_SUCCEEDED"


UNFINISHED = (State.PENDING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for; `deliver` stores the outcomes and returns the output to show; `config` is echoed.

    `fault` is what is planned for the whole job.
    """

    target: Target
    display_name: str
    lines: Sequence[Line]
    deliver: Deliver
    config: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(slots=True)
class Job:
    """One batch; `number` orders listings, `output` is set once there is some."""

    job_id: str
    number: int
    order: Order
    created: datetime
    updated: datetime
    state: State = State.PENDING
    started: datetime | None = None
    ended: datetime | None = None
    output: dict[str, Any] | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    error: ApiError | None = None

    @property
    def failed(self) -> int:
        """How many lines were refused so far."""
        return sum(outcome.error is not None for outcome in self.outcomes)

    def enter(self, state: State) -> None:
        """Change the state, now."""
        self.state, self.updated = state, datetime.now(UTC)
        if state is State.RUNNING:
            self.started = self.updated
        else:
            self.ended = self.updated


class Jobs:
    """The jobs of one back end; each takes `seconds` at least, half of them PENDING."""

    def __init__(self, generator: Generator, log: CallLog, injector: FaultInjector, *, seconds: float) -> None:
        self._generator = generator
        self._log = log
        self._injector = injector
        self._seconds = seconds
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers: Iterator[int] = itertools.count(1)

    def add(self, order: Order) -> Job:
        """Begin a job.

        Raises:
            ApiError: 404, no such model; 429, as many jobs are unfinished as may be.
        """
        self._generator.model(order.target)
        if sum(job.state in UNFINISHED for job in self._jobs.values()) >= MAX_UNFINISHED:
            raise plain(429, f"At most {MAX_UNFINISHED} batch jobs may be unfinished: wait for one, or cancel it.")
        now = datetime.now(UTC)
        number = next(self._numbers)
        # Vertex numbers its jobs; the Developer API does not.
        job_id = str(10**18 + number) if order.target.vertex else new_id()
        job = self._jobs[job_id] = Job(job_id, number, order, now, now)
        self._tasks[job_id] = asyncio.create_task(self._run(job))
        return job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            ApiError: 404.
        """
        if job_id not in self._jobs:
            raise plain(404, "Requested entity was not found.")
        return self._jobs[job_id]

    def page(self, size: int, token: str) -> tuple[list[Job], str]:
        """Return up to `size` jobs in the order of creation, and the next page's token or ""."""
        return cut_page(self._jobs.values(), size, token)

    def cancel(self, job_id: str) -> None:
        """End a job early; one that has ended stays as it is."""
        job = self.get(job_id)
        if job.state in UNFINISHED:
            self._tasks[job_id].cancel()
            job.enter(State.CANCELLED)

    def delete(self, job_id: str) -> None:
        """Forget a job; what it has not begun is not done."""
        self.cancel(job_id)
        del self._jobs[job_id], self._tasks[job_id]

    def stop(self) -> None:
        """End every job."""
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, job: Job) -> None:
        try:
            await asyncio.sleep(self._seconds / 2)
            job.enter(State.RUNNING)
            lines, end = _planned(job.order)
            for line in lines:
                job.outcomes += await self._outcomes(job.order.target, line)
            await asyncio.sleep(self._seconds / 2)
            if job.outcomes or end is State.SUCCEEDED:
                job.output = await job.order.deliver(job, _ordered(job))
            job.enter(end)
        except ApiError as error:
            self._fail(job, error)
        except Exception as error:
            _LOGGER.exception("batch %s", job.job_id)
            self._fail(job, plain(500, f"The emulator failed: {type(error).__name__}: {error}"))

    def _fail(self, job: Job, error: ApiError) -> None:
        job.error = error
        job.enter(State.FAILED)

    async def _outcomes(self, target: Target, line: Line) -> list[Outcome]:
        """Return what became of a line: once, if no fault would have it otherwise."""
        if line.error:
            return [Outcome(line, error=line.error)]
        fault: Fault | None = None
        try:
            with self._log.line(target.model) as call:
                fault = await self._injector.inject_line(target.model, line.key)
                if fault and fault.kind == "missing":
                    call.fault = fault.kind
                    return []
                answer = await self._generator.answer(target, line.request, call, fault=fault)
        except ApiError as error:
            return [Outcome(line, error=error)]
        outcome = Outcome(line, response=document(answer, vertex=target.vertex))
        return [outcome, outcome] if fault and fault.kind == "doubled" else [outcome]


def _planned(order: Order) -> tuple[Sequence[Line], State]:
    """Return the lines that a job comes to, and how it ends."""
    fault = order.fault
    if fault is None or fault.kind != "ends":
        return order.lines, State.SUCCEEDED
    return order.lines[: fault.bytes], State(fault.body or State.EXPIRED)


def _ordered(job: Job) -> Sequence[Outcome]:
    fault = job.order.fault
    return job.outcomes[::-1] if fault and fault.kind == "reordered" else job.outcomes
