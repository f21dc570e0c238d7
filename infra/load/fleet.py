"""The instances of one function: how many there are, and which one takes the next event. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.load.engine import Compute, Waiters

if TYPE_CHECKING:
    from infra.load.engine import Processor, Task, World


@dataclass(slots=True, eq=False)
class Instance:
    """One of them: how many events it works on, and for how long it was billed, which is while it has any."""

    processor: Processor
    taken: int = 0
    since_s: float = 0.0
    billed_s: float = 0.0


class Fleet:
    """Starts instances as Cloud Run does: so many that each is filled up to the target, and never more than `most`.

    The instance with the fewest events takes the next one. Those that nobody can take wait in their order.
    """

    def __init__(
        self,
        world: World,
        concurrency: int,
        most: int,
        *,
        processor: Callable[[], Processor],
        cold_s: float = 0.0,
        target: float = 1.0,
        warm: int = 1,
    ) -> None:
        self._world = world
        self._concurrency = concurrency
        self._most = most
        self._processor = processor
        self._cold_s = cold_s
        self._target = target
        self._by_load: list[dict[Instance, None]] = [{} for _ in range(concurrency + 1)]
        self._waiters = Waiters(world, nothing=None)
        self._instances: list[Instance] = []
        self._busy = 0
        for _ in range(min(warm, most)):
            self._by_load[0][self._new()] = None

    @property
    def started(self) -> int:
        """How many there are."""
        return len(self._instances)

    @property
    def used_s(self) -> float:
        """Seconds of a core that all have used."""
        return sum(each.processor.used_s for each in self._instances)

    def billed_s(self, now_s: float) -> float:
        """Return for how long instances have had at least one event, or were starting."""
        return sum(each.billed_s + (now_s - each.since_s if each.taken else 0.0) for each in self._instances)

    def acquire(self, task: Task, patience_s: float) -> None:
        """Resume the task with an instance, or with None when its patience has ended."""
        serial = self._waiters.add(task)
        self._grow()
        self._hand_out()
        self._waiters.limit(serial, patience_s)

    def release(self, instance: Instance) -> None:
        """Take note that one of an instance's events has ended."""
        self._move(instance, -1)
        self._hand_out()

    def _grow(self) -> None:
        wanted = math.ceil((self._busy + len(self._waiters)) / (self._target * self._concurrency))
        while len(self._instances) < min(wanted, self._most):
            instance = self._new()
            if self._cold_s:
                self._world.start(self._starting(instance))
            else:
                self._by_load[0][instance] = None

    def _new(self) -> Instance:
        self._instances.append(Instance(self._processor()))
        return self._instances[-1]

    def _starting(self, instance: Instance) -> Task:
        begun_s = self._world.now_s
        yield Compute(instance.processor, self._cold_s)
        instance.billed_s += self._world.now_s - begun_s
        self._by_load[0][instance] = None
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiters:
            instance = next((next(iter(each)) for each in self._by_load[:-1] if each), None)
            if instance is None:
                return
            self._move(instance, 1)
            self._waiters.serve(instance)

    def _move(self, instance: Instance, by: int) -> None:
        now_s = self._world.now_s
        if instance.taken == 0:
            instance.since_s = now_s
        del self._by_load[instance.taken][instance]
        instance.taken += by
        self._busy += by
        self._by_load[instance.taken][instance] = None
        if instance.taken == 0:
            instance.billed_s += now_s - instance.since_s


@dataclass(frozen=True, slots=True)
class AcquireInstance:
    """Get a place in an instance: the task gets the instance, or None when its patience has ended."""

    fleet: Fleet
    patience_s: float = math.inf

    def begin(self, world: World, task: Task) -> None:  # noqa: ARG002 - a `Need`
        """Resume the task with the outcome."""
        self.fleet.acquire(task, self.patience_s)
