"""The stage: numbers every side effect as a step, and lets the plan break it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from shared.core.delivery.batch_records import CREATING_S
from shared.core.errors import (
    ConfigurationError,
    ErrorCode,
    FileUnavailableError,
    ModelRejectedError,
    RefusedError,
    TransientError,
    UplookError,
)
from tests.explore.plans import applicable
from tests.explore.process import Cancelled, Died

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.adapters.memory import ManualClock
    from shared.core.ports import Message
    from tests.explore.plans import Plan
    from tests.explore.process import Process
    from tests.explore.turns import Turns

_T = TypeVar("_T")

TIMEOUT_S: Final = 60.0
LEASE_TTL_S: Final = 84.0
RETRY_AFTER_S: Final = 7.0
MAX_STEPS: Final = 2500
_STEP_S = 0.05

_REFUSALS: Final[dict[str, Callable[[], Exception]]] = {
    "503": lambda: TransientError("503 Service Unavailable"),
    "403": lambda: ConfigurationError("403: the caller does not have permission"),
    "429": lambda: TransientError("429 Too Many Requests", retry_after_s=RETRY_AFTER_S),
    "cancel": lambda: Cancelled("SIGTERM"),
    "refuse": lambda: ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400 INVALID_ARGUMENT"),
    "not-now": lambda: RefusedError("429 RESOURCE_EXHAUSTED: too many jobs are unfinished"),
    "expire": lambda: FileUnavailableError("403: you do not have permission, or it may not exist"),
}
_PAUSES_S: Final = {"stall": TIMEOUT_S + 1, "outlive": LEASE_TTL_S + 1, "oversleep": 2 * CREATING_S + 1}


@dataclass(frozen=True, slots=True)
class Step:
    """One port call; `fault` is what was done to it."""

    number: int
    at_s: float
    process: Process
    operation: str
    target: str
    fault: str | None


@dataclass(slots=True)
class Stage:
    """Where a plan is played; nothing breaks while it is `calm`, and when it is `over` everybody leaves.

    `on_overwrite` puts a new generation of the source into the uploads bucket; `on_late` hears of a process that
    will not answer within the broker's patience; `on_released` hears of held events that are published again.
    """

    plan: Plan
    turns: Turns
    clock: ManualClock
    on_overwrite: Callable[[], None] = lambda: None
    on_late: Callable[[Process], None] = lambda _: None
    on_released: Callable[[Sequence[Message]], None] = lambda _: None
    trace: list[Step] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    over: bool = False
    calm: bool = False

    def call(
        self, operation: str, target: str, effect: Callable[[], _T], *, conflict: type[UplookError] = UplookError
    ) -> _T:
        """Do one step of the process whose turn it is; `conflict` is what this port says for a 412."""
        process = self.turns.process
        if process.dead:
            self.violations.append(f"dead: delivery {process.number} called {operation} {target} after it was killed")
        self.turns.pause()
        self._check(process)
        fault = self._next(process, operation, target)
        if fault is None:
            return effect()
        return self._faulty(fault, process, effect, conflict)

    def sleep(self, seconds: float) -> None:
        """Wait; a process can be killed meanwhile by another of its threads."""
        process = self.turns.process
        if self.clock.time_s + seconds > process.waited_s:
            self.on_late(process)
        self.turns.sleep(seconds)
        self._check(process)

    def gather(self, works: list[Callable[[], _T]]) -> list[_T]:
        """Do several things at once in one process."""
        process = self.turns.process
        try:
            return self.turns.gather([partial(self._begin, process, work) for work in works])
        finally:
            self._check(process)  # killed by one of its threads: what another one raised is never seen

    def end(self, why: str) -> None:
        """Stop everything: the run is a violation by itself."""
        if not self.over:
            self.violations.append(why)
        self.over = True

    def _begin(self, process: Process, work: Callable[[], _T]) -> _T:
        self._check(process)  # a thread that had no turn before its process was killed never begins
        return work()

    def _next(self, process: Process, operation: str, target: str) -> str | None:
        number = len(self.trace) + 1
        if number > MAX_STEPS:
            self.end(f"terminates: not quiet after {MAX_STEPS} steps")
        self._check(process)
        self.clock.time_s += _STEP_S
        planned = None if self.calm else dict(self.plan.faults).get(number)
        fault = planned if planned in applicable(operation, scenario=self.plan.scenario) else None
        self.trace.append(Step(number, self.clock.time_s, process, operation, target, fault))
        return fault

    def _faulty(self, fault: str, process: Process, effect: Callable[[], _T], conflict: type[UplookError]) -> _T:
        self._before(fault, process, conflict)
        try:
            result = effect()
        finally:
            if fault == "die-after":
                self._die(process)
        if fault == "twice":
            effect()
        if fault in {"lost", "twice"}:
            raise TransientError("the connection was reset before the answer")
        if fault == "own-412":
            raise conflict("412: the client's own retry met its first try")
        return result

    def _before(self, fault: str, process: Process, conflict: type[UplookError]) -> None:
        if fault in _REFUSALS:
            refusal = _REFUSALS[fault]()
            raise refusal
        if fault == "412":
            raise conflict("412, although nothing is there")
        if fault == "die-before":
            self._die(process)
        if fault in _PAUSES_S:
            self.sleep(_PAUSES_S[fault])
        if fault == "overwrite":
            self.on_overwrite()

    def _check(self, process: Process) -> None:
        """Nothing acts in a dead process, nor after the end."""
        if process.dead or self.over:
            process.dead = True
            raise Died

    @staticmethod
    def _die(process: Process) -> NoReturn:
        process.dead = True
        raise Died
