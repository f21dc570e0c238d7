"""What is simulated: subscriptions that push, functions with their instances, a model with its quota, a ceiling. Pure.

The local stack and the deployed system are the same parts with other figures. How a call is paced and tried again is
decided by the product's own functions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from infra.load.arrivals import in_turn
from infra.load.engine import Acquire, Compute, Machine, Processor, Slots, Wait, World
from infra.load.fleet import AcquireInstance, Fleet, Instance
from shared.core.delivery import pace
from shared.core.delivery.pace import Pace
from shared.core.delivery.retry import RESERVE_S, wait_before_retry
from shared.core.errors import ThrottledError

if TYPE_CHECKING:
    from infra.load.engine import Need, Task

    Doing = Generator[Need, Any, bool | None]
    """A part of a task that ends well or not."""

MINUTE_S: Final = 60.0
REFUSAL_S: Final = 0.1
"""How long a model takes to refuse a call (429)."""


@dataclass(frozen=True, slots=True)
class Step:
    """Seconds of a core on a process; on the instance's own where the name is the function's."""

    on: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """What one delivery to a function takes: `before` it asks the model, the model's own (`model`), and `after`."""

    before: tuple[Step, ...] = ()
    model: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds that one upload spent on anything but CPU and the model: `hops`, `before` and `after` by function."""

    upload_s: float = 0.0
    hops: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    after: Mapping[str, float] = field(default_factory=dict)
    told_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Function:
    """Instances of one function: each takes so many events at once. `cold` is what a new one computes first.

    `target` is the part of its slots up to which an instance is filled before another one is started.
    """

    concurrency: int
    most_instances: int = 1
    cold_s: float = 0.0
    target: float = 1.0
    warm: int = 1


@dataclass(frozen=True, slots=True)
class Pushing:
    """How a subscription delivers.

    At most `window` at once; from `first_window` on it grows by one with every acknowledgement, and is halved where
    deliveries fail. Who gets no thread within `patience_s` is refused. The others as in `infra/subscriptions.tf`.
    """

    window: int
    first_window: int | None = None
    patience_s: float = math.inf
    min_backoff_s: float = 1.0
    max_backoff_s: float = 60.0
    attempts: int | None = 20

    def backoff_s(self, attempt: int) -> float:
        """Return the pause behind a failed delivery, counted from 1."""
        return float(min(self.max_backoff_s, self.min_backoff_s * 2.0 ** min(attempt - 1, 64)))


@dataclass(frozen=True, slots=True)
class System:
    """Everything that is simulated.

    `ingest` names the function that plans, `workers` those that ask. Processes other than functions, and the functions
    too if `shared_cores` is given, share one machine; else each instance has a core of its own. `latencies_s` are the
    model's, each with its share. `quota` is calls a minute by worker, `ceiling` the calls of the day.
    """

    ingest: str
    workers: tuple[str, ...]
    functions: Mapping[str, Function]
    pushing: Mapping[str, Pushing]
    work: Mapping[str, Work]
    upload: tuple[Step, ...] = ()
    told: tuple[Step, ...] = ()
    waits: tuple[Waits, ...] = (Waits(),)
    latencies_s: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    deadline_s: float = 300.0
    quota: Mapping[str, int] = field(default_factory=dict)
    ceiling: float = math.inf
    shared_cores: float | None = None
    others: float = 0.0


@dataclass(slots=True)
class Visit:
    """The last delivery of an upload to a function: when it came, when the model was asked, when it was answered."""

    came_s: float
    asked_s: float | None = None
    answered_s: float = math.inf


@dataclass(slots=True)
class Upload:
    """One upload's fate; times are seconds from the beginning. It is finished when every worker is done with it."""

    arrived_s: float
    finished_s: float | None = None
    held: bool = False
    dead: bool = False
    ended: int = 0
    visits: dict[str, Visit] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What one function did. `busy_s` is the sum of the time of its deliveries on a thread."""

    delivered: int = 0
    acknowledged: int = 0
    failed: int = 0
    dead: int = 0
    held: int = 0
    calls: int = 0
    refused: int = 0
    busy_s: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What was simulated: `timeline` is the backlog (uploads that have not ended) at moments."""

    uploads: list[Upload]
    tallies: dict[str, Tally]
    instances: dict[str, int]
    billed_s: dict[str, float]
    cpu_s: dict[str, float]
    timeline: list[tuple[float, int]]
    windows: dict[str, int]
    ended_s: float


def simulate(
    system: System, arrivals: Sequence[float], *, seed: int, until_s: float = math.inf, every_s: float = 1.0
) -> Outcome:
    """Let uploads arrive, and time pass until all have ended, or until a moment."""
    return _Run(system, seed).play(arrivals, until_s=until_s, every_s=every_s)


class _Subscription:
    def __init__(self, world: World, policy: Pushing) -> None:
        self.policy = policy
        first = policy.window if policy.first_window is None else policy.first_window
        self.window = Slots(world, min(first, policy.window))
        self.largest = self.window.count

    def acknowledged(self) -> None:
        if self.window.count < self.policy.window:
            self.window.count += 1
            self.largest = max(self.largest, self.window.count)
        self.window.release()

    def failed(self) -> None:
        if self.policy.first_window is not None:
            self.window.count = max(self.policy.first_window, self.window.count // 2)
        self.window.release()


class _Run:
    def __init__(self, system: System, seed: int) -> None:
        self._system = system
        self._lots = random.Random(seed)  # noqa: S311 - no secret
        self._moods = [
            (random.Random(seed + number), part, seconds)  # noqa: S311 - no secret
            for number, (part, seconds) in enumerate(in_turn(system.latencies_s))
        ]
        self._world = world = World()
        self._machine = None
        if system.shared_cores is not None:
            self._machine = Machine(world, cores=system.shared_cores, others=system.others)
        self._processes: dict[str, Processor] = {}
        self._fleets = {name: self._fleet(each) for name, each in system.functions.items()}
        self._subscriptions = {name: _Subscription(world, each) for name, each in system.pushing.items()}
        self._tallies = {name: Tally() for name in system.functions}
        self._paces: dict[Instance, Pace] = {}
        self._minutes: dict[tuple[str, int], int] = {}
        self._calls_left = system.ceiling
        self._open = 0
        self._timeline: list[tuple[float, int]] = []

    def play(self, arrivals: Sequence[float], *, until_s: float, every_s: float) -> Outcome:
        uploads = [Upload(moment) for moment in arrivals]
        for upload in uploads:
            self._world.start(self._uploaded(upload), at_s=upload.arrived_s)
        self._look(every_s, uploads[-1].arrived_s if uploads else 0.0)
        self._world.run(until_s=until_s)
        fleets, now_s = self._fleets, self._world.now_s
        return Outcome(
            uploads=uploads,
            tallies=self._tallies,
            instances={name: fleet.started for name, fleet in fleets.items()},
            billed_s={name: fleet.billed_s(now_s) for name, fleet in fleets.items()},
            cpu_s={name: each.used_s for name, each in self._processes.items()}
            | {name: fleet.used_s for name, fleet in fleets.items()},
            timeline=self._timeline,
            windows={name: int(each.largest) for name, each in self._subscriptions.items()},
            ended_s=now_s,
        )

    def _fleet(self, function: Function) -> Fleet:
        def processor() -> Processor:
            return Processor(self._machine or Machine(self._world, cores=1.0))

        return Fleet(
            self._world,
            function.concurrency,
            function.most_instances,
            processor=processor,
            cold_s=function.cold_s,
            target=function.target,
            warm=function.warm,
        )

    def _look(self, every_s: float, last_s: float) -> None:
        self._timeline.append((self._world.now_s, self._open))
        if self._open or self._world.now_s <= last_s:
            self._world.after(every_s, lambda: self._look(every_s, last_s))

    def _uploaded(self, upload: Upload) -> Task:
        self._open += 1
        waits = self._lots.choice(self._system.waits)
        yield from self._compute(self._system.upload, None)
        yield Wait(waits.upload_s)
        self._world.start(self._delivery(self._system.ingest, upload, waits))

    def _delivery(self, function: str, upload: Upload, waits: Waits, attempt: int = 1) -> Task:
        subscription, tally = self._subscriptions[function], self._tallies[function]
        policy = subscription.policy
        if attempt == 1:
            yield Wait(waits.hops.get(function, 0.0))
        yield Acquire(subscription.window)
        tally.delivered += 1
        instance: Instance | None = yield AcquireInstance(self._fleets[function], policy.patience_s)
        well = False
        if instance is not None:
            visit = upload.visits[function] = Visit(self._world.now_s)
            well = bool((yield from self._worked(function, upload, waits, instance)))
            visit.answered_s = self._world.now_s
            tally.busy_s += visit.answered_s - visit.came_s
            self._fleets[function].release(instance)
        if well:
            tally.acknowledged += 1
            subscription.acknowledged()
            yield from self._follows(function, upload, waits)
            return
        tally.failed += 1
        subscription.failed()
        if policy.attempts is not None and attempt >= policy.attempts:
            tally.dead += 1
            upload.dead = True
            self._ends(upload, parts=len(self._system.workers) if function == self._system.ingest else 1)
            return
        again = self._delivery(function, upload, waits, attempt + 1)
        self._world.start(again, at_s=self._world.now_s + policy.backoff_s(attempt))

    def _follows(self, function: str, upload: Upload, waits: Waits) -> Task:
        if function == self._system.ingest:
            for worker in self._system.workers:
                self._world.start(self._delivery(worker, upload, waits))
            return
        yield from self._compute(self._system.told, None)
        yield Wait(waits.told_s)
        self._ends(upload)

    def _ends(self, upload: Upload, *, parts: int = 1) -> None:
        upload.ended += parts
        if upload.ended >= len(self._system.workers):
            self._open -= 1
            if not upload.held and not upload.dead:
                upload.finished_s = self._world.now_s

    def _worked(self, function: str, upload: Upload, waits: Waits, instance: Instance) -> Doing:
        """Do the work of one delivery; the value is whether it is acknowledged."""
        work, deadline_s = self._system.work[function], self._world.now_s + self._system.deadline_s
        yield from self._compute(work.before, instance)
        yield Wait(waits.before.get(function, 0.0))
        if function in self._system.workers:
            upload.visits[function].asked_s = self._world.now_s
            answered = yield from self._asked(function, instance, deadline_s)
            if answered is None:
                self._tallies[function].held += 1
                upload.held = True
                return True
            if not answered:
                return False
        yield from self._compute(work.after, instance)
        yield Wait(waits.after.get(function, 0.0))
        return True

    def _asked(self, function: str, instance: Instance, deadline_s: float) -> Doing:
        """Ask the model as the worker does; the value is whether it answered, None where the ceiling is reached."""
        attempt = 0
        while self._calls_left >= 1:
            attempt += 1
            wait_s, after = pace.admit(self._paces.get(instance, Pace()), now_s=self._world.now_s)
            if wait_s > 0 and wait_s + RESERVE_S > deadline_s - self._world.now_s:
                return False
            self._paces[instance] = after
            yield Wait(wait_s)
            begun_s = self._world.now_s
            if self._calls_left < 1:
                break
            if self._has_room(function):
                self._calls_left -= 1
                yield Wait(self._latency_s())
                yield from self._compute(self._system.work[function].model, instance)
                self._paces[instance] = pace.after_answer(self._paces[instance], now_s=self._world.now_s)
                return True
            yield Wait(REFUSAL_S)
            now_s = self._world.now_s
            self._paces[instance] = pace.after_refusal(
                self._paces[instance], begun_s=begun_s, now_s=now_s, retry_after_s=None, jitter=self._lots.random()
            )
            retry_s = wait_before_retry(
                ThrottledError("429"), attempt=attempt, remaining_s=deadline_s - now_s, jitter=self._lots.random()
            )
            if retry_s is None:
                return False
            yield Wait(retry_s)
        return None

    def _has_room(self, function: str) -> bool:
        """Take one call out of the quota of this minute."""
        tally, most = self._tallies[function], self._system.quota.get(function)
        minute = (function, int(self._world.now_s / MINUTE_S))
        taken = self._minutes.get(minute, 0)
        tally.calls += 1
        if most is not None and taken >= most:
            tally.refused += 1
            return False
        self._minutes[minute] = taken + 1
        return True

    def _latency_s(self) -> float:
        for lots, part, seconds in self._moods:
            if lots.random() < part:
                return seconds
        return self._system.latencies_s[-1][1]

    def _compute(self, steps: Sequence[Step], instance: Instance | None) -> Task:
        for step in steps:
            if step.cpu_s > 0:
                own = instance is not None and step.on in self._system.functions
                yield Compute(instance.processor if own and instance else self._process(step.on), step.cpu_s)

    def _process(self, name: str) -> Processor:
        if name not in self._processes:
            self._processes[name] = Processor(self._machine or Machine(self._world, cores=math.inf))
        return self._processes[name]
