"""Delivers messages at least once: again after a failure, again when no answer came in time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.core.errors import TransientError
from shared.pipeline import analyze
from tests.explore.invariants import kept_lease, unfinished
from tests.explore.process import Cancelled, Died, Process

if TYPE_CHECKING:
    from shared.core.envelopes import ImageEvent
    from tests.explore.world import World

ACK_DEADLINE_S: Final = 66.0
BACKOFF_S: Final = 10.0
FREE_DELIVERIES: Final = 4
DELIVERIES_PER_FAULT: Final = 3


@dataclass(slots=True)
class Broker:
    """`processes` are all deliveries so far, in the order in which they were scheduled."""

    world: World
    processes: list[Process] = field(default_factory=list)
    _messages: int = 0
    _followers: dict[Process, ImageEvent] = field(default_factory=dict)

    def publish(self, event: ImageEvent) -> Process:
        """Deliver a new message now."""
        self._messages += 1
        return self._schedule(event, self._messages, self.world.clock.time_s)

    def follow(self, process: Process, event: ImageEvent) -> None:
        """Deliver a new message as soon as this delivery has ended, however it ends."""
        self._followers[process] = event

    def events(self) -> list[ImageEvent]:
        """Return every event once."""
        return list({process.event.source.generation: process.event for process in self.processes}.values())

    def redeliver(self, process: Process) -> None:
        """Deliver the same message once more, unless that is under way."""
        if process.redelivered or self.world.stage.over:
            return
        process.redelivered = True
        copies = sum(1 for other in self.processes if other.message == process.message)
        if copies >= FREE_DELIVERIES + DELIVERIES_PER_FAULT * len(self.world.stage.plan.faults):
            self.world.stage.end(f"terminates: message {process.message} is not acknowledged after {copies} deliveries")
            return
        heard_s = process.waited_s if process.ended_s is None else process.ended_s
        self._schedule(process.event, process.message, heard_s + BACKOFF_S)

    def _schedule(self, event: ImageEvent, message: int, at_s: float) -> Process:
        process = Process(len(self.processes) + 1, message, event, at_s, at_s + ACK_DEADLINE_S)
        self.processes.append(process)
        self.world.stage.turns.start(lambda: self._deliver(process), process, at_s=at_s)
        return process

    def _deliver(self, process: Process) -> None:
        process.started_s = self.world.clock.time_s
        process.waited_s = process.started_s + ACK_DEADLINE_S
        process.ending = self._run(process)
        process.ended_s = self.world.clock.time_s
        if process.ending == "acknowledged":
            self.world.stage.violations += unfinished(self.world, process)
        else:
            self.redeliver(process)
        if process.ending not in {"acknowledged", "died"}:
            self.world.stage.violations += kept_lease(self.world, process)
        if process in self._followers:
            self.publish(self._followers.pop(process))

    def _run(self, process: Process) -> str:
        try:
            analyze.analyze(process.event, self.world.ports)
        except Died:
            return "died"
        except Cancelled:
            return "cancelled"
        except TransientError as error:
            return f"nacked: {error}"
        except Exception as error:  # noqa: BLE001 - any other one is what we look for
            self.world.stage.violations.append(f"no bug: delivery {process.number} raised {error!r}")
            return f"bug: {error!r}"
        if process.dead:
            self.world.stage.violations.append(f"dead: delivery {process.number} was killed, and went on")
        return "acknowledged"
