"""A small discrete-event engine: tasks wait, compute on processors that they share, and queue for slots. Pure.

A task is a generator. It yields what it needs next (`Wait`, `Compute`, `Acquire`), and goes on when it has it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, Protocol

Task = Generator["Need", Any, None]
_NOTHING_LEFT_S: Final = 1e-12


class Need(Protocol):
    """What a task can yield."""

    def begin(self, world: World, task: Task) -> None:
        """Have the task resumed when it has what it needs."""


class World:
    """The clock, in seconds, and everything that is to happen."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._serial = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Have something done when so much time has passed."""
        heapq.heappush(self._due, (self.now_s + seconds, next(self._serial), call))

    def start(self, task: Task, *, at_s: float | None = None) -> None:
        """Begin a task, now or at a moment to come."""
        if at_s is None:
            self.resume(task)
        else:
            self.after(at_s - self.now_s, lambda: self.resume(task))

    def resume(self, task: Task, value: Any = None) -> None:
        """Let a task go on until it needs something."""
        try:
            need = task.send(value)
        except StopIteration:
            return
        need.begin(self, task)

    def wake(self, task: Task, value: Any) -> None:
        """Let a task go on at this moment, but in a turn of its own: whoever wakes it goes on first."""
        self.after(0.0, lambda: self.resume(task, value))

    def run(self, *, until_s: float = math.inf) -> None:
        """Let time pass until nothing is left to happen, or until a moment."""
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, call = heapq.heappop(self._due)
            call()
        if until_s < math.inf:
            self.now_s = max(self.now_s, until_s)


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float

    def begin(self, world: World, task: Task) -> None:
        """Resume the task when it has passed."""
        world.after(self.seconds, lambda: world.resume(task))


class Machine:
    """Cores that processors share evenly, among themselves and with `others`: threads that are not simulated."""

    def __init__(self, world: World, *, cores: float, others: float = 0.0) -> None:
        self.world = world
        self._cores = cores
        self._others = others
        self._active: set[Processor] = set()

    def share(self) -> float:
        """Return how much of a core each active processor has: at most one, as a Python process has."""
        return min(1.0, self._cores / (len(self._active) + self._others))

    def changed(self, processor: Processor) -> None:
        """Take note that one has begun or ended: the others have less, or more."""
        before = len(self._active)
        (self._active.add if processor.busy else self._active.discard)(processor)
        for each in self._active if len(self._active) != before else (processor,):
            each.plan()


class Processor:
    """One process: what runs in it at the same time shares it evenly."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._world = machine.world
        self._jobs: list[tuple[float, int, Task]] = []
        self._serial = itertools.count()
        self._done_s = 0.0  # what each job that was always there would have got by now
        self._speed = 0.0
        self._at_s = 0.0
        self._plan = 0
        self._asked_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether anything runs in it."""
        return bool(self._jobs)

    @property
    def used_s(self) -> float:
        """Seconds of a core that were used by now."""
        self._settle()
        return self._asked_s - sum(max(0.0, end_s - self._done_s) for end_s, _, _ in self._jobs)

    def add(self, task: Task, seconds: float) -> None:
        """Run a task for so many seconds of a whole core."""
        self._settle()
        self._asked_s += seconds
        heapq.heappush(self._jobs, (self._done_s + seconds, next(self._serial), task))
        self._machine.changed(self)

    def plan(self) -> None:
        """Find out anew when the next job ends."""
        self._settle()
        self._plan += 1
        if not self._jobs:
            return
        self._speed = self._machine.share() / len(self._jobs)
        plan = self._plan
        left_s = max(0.0, self._jobs[0][0] - self._done_s) / self._speed
        self._world.after(left_s, lambda: self._end(plan))

    def _settle(self) -> None:
        if self._jobs:
            self._done_s += (self._world.now_s - self._at_s) * self._speed
        self._at_s = self._world.now_s

    def _end(self, plan: int) -> None:
        if plan != self._plan:
            return  # somebody came or went since
        self._settle()
        first = self._jobs[0][0]
        self._done_s = max(self._done_s, first)  # floats: what is due is due
        ended = []
        while self._jobs and self._jobs[0][0] <= self._done_s + _NOTHING_LEFT_S:
            ended.append(heapq.heappop(self._jobs)[2])
        self._machine.changed(self)
        for task in ended:
            self._world.resume(task)


@dataclass(frozen=True, slots=True)
class Compute:
    """Take so many seconds of a core on a processor."""

    processor: Processor
    seconds: float

    def begin(self, world: World, task: Task) -> None:  # noqa: ARG002 - a `Need`
        """Resume the task when it has had them."""
        self.processor.add(task, self.seconds)


class Waiters:
    """Tasks that wait for the same, in the order in which they came, each no longer than its patience lasts."""

    def __init__(self, world: World, *, nothing: Any) -> None:
        """`nothing` is what a task gets whose patience has ended."""
        self._world = world
        self._nothing = nothing
        self._tasks: OrderedDict[int, Task] = OrderedDict()
        self._serial = itertools.count()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> int:
        """Have a task wait, for ever; return its number."""
        serial = next(self._serial)
        self._tasks[serial] = task
        return serial

    def limit(self, serial: int, patience_s: float) -> None:
        """Let a task that still waits give up when so much time has passed."""
        if serial in self._tasks and patience_s < math.inf:
            self._world.after(patience_s, lambda: self._give_up(serial))

    def serve(self, value: Any) -> None:
        """Wake the first of them with what it has waited for."""
        _, task = self._tasks.popitem(last=False)
        self._world.wake(task, value)

    def _give_up(self, serial: int) -> None:
        if serial in self._tasks:
            self._world.resume(self._tasks.pop(serial), self._nothing)


class Slots:
    """So many at once, the others in the order in which they came."""

    def __init__(self, world: World, count: float) -> None:
        self._world = world
        self.count = count
        self.taken = 0
        self._waiters = Waiters(world, nothing=False)

    @property
    def waiting(self) -> int:
        """How many want one and have none."""
        return len(self._waiters)

    def acquire(self, task: Task, patience_s: float) -> None:
        """Resume the task with True when it has a slot, with False when its patience has ended."""
        if self.taken < self.count and not self.waiting:
            self.taken += 1
            self._world.resume(task, True)
            return
        self._waiters.limit(self._waiters.add(task), patience_s)

    def release(self) -> None:
        """Give a slot back."""
        self.taken -= 1
        self.hand_out()

    def hand_out(self) -> None:
        """Give free slots to those who wait: one came back, or `count` has grown."""
        while self.taken < self.count and self._waiters:
            self.taken += 1
            self._waiters.serve(True)


@dataclass(frozen=True, slots=True)
class Acquire:
    """Get one of some slots, and wait for it no longer than patience lasts: the task gets whether it has one."""

    slots: Slots
    patience_s: float = math.inf

    def begin(self, world: World, task: Task) -> None:  # noqa: ARG002 - a `Need`
        """Resume the task with the outcome."""
        self.slots.acquire(task, self.patience_s)
