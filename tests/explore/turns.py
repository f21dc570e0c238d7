"""Deterministic interleaving: actors run one at a time and hand over the turn only at steps, as a plan says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.adapters.memory import ManualClock
    from tests.explore.process import Process

_T = TypeVar("_T")

# Actors are threads because the pipeline is plain blocking code; reusing them halves the time of a run.
_THREADS = ThreadPoolExecutor(256, thread_name_prefix="actor")


@dataclass(eq=False, slots=True)
class Actor:
    """One line of execution of one process; `children` are those it waits for."""

    process: Process
    wake_s: float
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    children: set[Actor] = field(default_factory=set)
    error: BaseException | None = None


class Turns:
    """Keeps the turn with an actor until it blocks or ends, or a decision is among `switches`: then the next one's."""

    def __init__(self, clock: ManualClock, switches: frozenset[int]) -> None:
        self.decisions = 0
        self._clock = clock
        self._switches = switches
        self._actors: list[Actor] = []
        self._current: Actor | None = None
        self._over = threading.Semaphore(0)
        self._failure: BaseException | None = None

    @property
    def process(self) -> Process:
        """The process whose turn it is."""
        return self._now().process

    def start(self, work: Callable[[], None], process: Process, *, at_s: float) -> Actor:
        """Let `work` begin at a time of the clock; it gets its first turn later, never here."""
        actor = Actor(process, at_s)
        self._actors.append(actor)
        _THREADS.submit(self._live, actor, work)
        return actor

    def run(self) -> None:
        """Return when every actor has ended; an exception that left one is raised here."""
        if self._actors:
            self._current = self._choose()
            self._current.go.release()
            self._over.acquire()
        if self._failure is not None:
            raise self._failure

    def pause(self) -> None:
        """A point where the turn may change."""
        me, chosen = self._now(), self._choose()
        if chosen is not me:
            self._current = chosen
            chosen.go.release()
            me.go.acquire()

    def sleep(self, seconds: float) -> None:
        """Be passed over until the clock has moved on; it jumps when everybody waits."""
        self._now().wake_s = self._clock.time_s + seconds
        self.pause()

    def gather(self, works: Sequence[Callable[[], _T]]) -> list[_T]:
        """Run all of them in actors of their own; like a thread pool, wait for all and raise the first's error."""
        me, results = self._now(), dict[int, _T]()

        def keep(at: int, work: Callable[[], _T]) -> None:
            results[at] = work()

        children = [
            self.start(partial(keep, at, work), me.process, at_s=self._clock.time_s) for at, work in enumerate(works)
        ]
        me.children = set(children)
        self.pause()
        for child in children:
            if child.error is not None:
                raise child.error
        return [results[at] for at in range(len(works))]

    def _live(self, actor: Actor, work: Callable[[], None]) -> None:
        actor.go.acquire()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the parent, or to whoever called `run`
            actor.error = error
        self._end(actor)

    def _end(self, actor: Actor) -> None:
        parents = [other for other in self._actors if actor in other.children]
        for parent in parents:
            parent.children.discard(actor)
        if not parents:
            self._failure = self._failure or actor.error
        others = self._circle()[:-1]
        self._actors.remove(actor)
        if not others:
            self._current = None
            self._over.release()
            return
        self.decisions += 1
        self._current = self._ready(others)[0]
        self._current.go.release()

    def _now(self) -> Actor:
        if self._current is None:
            raise RuntimeError("expected an actor whose turn it is, found none: call this from inside `run`")
        return self._current

    def _choose(self) -> Actor:
        """Return whose turn is next: the current actor's while it can go on, unless the plan says otherwise."""
        ready = self._ready(self._circle())
        stays = self._current in ready and self.decisions not in self._switches
        self.decisions += 1
        return self._now() if stays else ready[0]

    def _circle(self) -> list[Actor]:
        """Return all actors, from the one behind the current one to the current one itself."""
        at = self._actors.index(self._current) if self._current else -1
        return [*self._actors[at + 1 :], *self._actors[: at + 1]]

    def _ready(self, circle: Sequence[Actor]) -> list[Actor]:
        """Return those who can act now; where all wait, now is when the first of them awakes."""
        free = [actor for actor in circle if not actor.children]
        self._clock.time_s = max(self._clock.time_s, min(actor.wake_s for actor in free))
        return [actor for actor in free if actor.wake_s <= self._clock.time_s]
