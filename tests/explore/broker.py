"""Delivers messages at least once: again after a failure, again when no answer came in time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.core import naming
from shared.core.delivery.batch_records import CREATING_S
from shared.core.errors import TransientError
from shared.core.events import envelopes
from shared.core.events.envelopes import Upload
from shared.core.planning import redrive
from shared.pipeline.upkeep import batching, dead_letter, forget, unpark
from shared.pipeline.worker import analyze
from tests.explore.invariants import events_of, kept_claim, kept_lease, left_of, unfinished
from tests.explore.process import Cancelled, Died, Process
from tests.explore.stage import LEASE_TTL_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import Message
    from tests.explore.world import World

ACK_DEADLINE_S: Final = 66.0
BACKOFF_S, LONGEST_BACKOFF_S = 10.0, 600.0
"""Doubled with every redelivery of a message."""

FREE_DELIVERIES: Final = 4
DELIVERIES_PER_FAULT: Final = 5
"""A delivery whose holder has died comes again until the lease has expired: it waits for it no longer than a moment."""
BURIALS: Final = int(LEASE_TTL_S / BACKOFF_S) + 1
"""A dead letter waits for no lease: it comes again until whoever holds one has ended, or is known to be dead."""


@dataclass(slots=True)
class Broker:
    """`processes` are all deliveries so far, in the order in which they were scheduled."""

    world: World
    processes: list[Process] = field(default_factory=list)
    _messages: int = 0
    _followers: dict[Process, list[Callable[[], object]]] = field(default_factory=dict)
    _redriven: set[int] = field(default_factory=set)

    def publish(self, event: ImageEvent) -> Process:
        """Deliver a new message now."""
        self._messages += 1
        return self._schedule(event, self._messages, self.world.clock.time_s)

    def follow(self, process: Process, do: Callable[[], object]) -> None:
        """Do something, such as to deliver a new message, as soon as this delivery has ended, however it ends."""
        self._followers.setdefault(process, []).append(do)

    def bury(self, event: ImageEvent) -> Process:
        """Deliver a dead letter of this event now, whether or not a delivery of it is still at work."""
        self._messages += 1
        return self._schedule(event, self._messages, self.world.clock.time_s, buries=True)

    def forget(self, event: ImageEvent, *, after_s: float = 0.0) -> Process:
        """Let somebody delete the upload after so many seconds, and deliver what Cloud Storage tells of it."""
        self._messages += 1
        return self._schedule(event, self._messages, self.world.clock.time_s + after_s, forgets=True)

    def events(self) -> list[ImageEvent]:
        """Return every event once; a redrive is an event of its own."""
        return list(events_of(self.processes).values())

    def redeliver(self, process: Process) -> None:
        """Deliver the same message once more, unless that is under way."""
        if process.redelivered or self.world.stage.over:
            return
        process.redelivered = True
        copies = sum(1 for other in self.processes if other.message == process.message)
        free = FREE_DELIVERIES + (BURIALS if process.buries or process.forgets else 0)
        if copies >= free + DELIVERIES_PER_FAULT * len(self.world.stage.plan.faults):
            self.world.stage.end(f"terminates: message {process.message} is not acknowledged after {copies} deliveries")
            return
        heard_s = process.waited_s if process.ended_s is None else process.ended_s
        again_s = heard_s + min(BACKOFF_S * 2 ** (copies - 1), LONGEST_BACKOFF_S)
        if process.releases and self.world.batches:
            again_s = heard_s + CREATING_S + 1  # as the scheduler's next tick would come
        self._schedule(
            process.event,
            process.message,
            again_s,
            releases=process.releases,
            buries=process.buries,
            forgets=process.forgets,
        )

    def tick(self) -> None:
        """Let the scheduler ask for a release of what is held."""
        self._messages += 1
        self._schedule(self.processes[0].event, self._messages, self.world.clock.time_s, releases=True)

    def released(self, messages: Sequence[Message]) -> None:
        """Deliver held events again; each must be the very event that was held."""
        originals = events_of(self.processes)
        for message in messages:
            event = envelopes.parse_image_event(message.data)
            original = originals[event.source.generation, event.redrive]
            if event != original:
                self.world.stage.violations.append("nothing is lost: another event was released than was held")
            self.world.ledger.released.add(event.source.generation)
            self.publish(original)

    def _schedule(
        self,
        event: ImageEvent,
        message: int,
        at_s: float,
        *,
        releases: bool = False,
        buries: bool = False,
        forgets: bool = False,
    ) -> Process:
        number = len(self.processes) + 1
        process = Process(number, message, event, at_s, at_s + ACK_DEADLINE_S, releases, buries, forgets)
        self.processes.append(process)
        self.world.stage.turns.start(lambda: self._deliver(process), process, at_s=at_s)
        return process

    def _deliver(self, process: Process) -> None:
        process.started_s = self.world.clock.time_s
        process.waited_s = process.started_s + ACK_DEADLINE_S
        process.ending = self._run(process)
        process.ended_s = self.world.clock.time_s
        if process.ending == "acknowledged" and process.forgets:
            self.world.ledger.withdrawn.add(process.event.source.generation)
            self.world.stage.violations += left_of(self.world, process, self.processes)
        elif process.ending == "acknowledged" and not process.releases:
            self.world.stage.violations += unfinished(self.world, process)
        elif process.ending != "acknowledged":
            self.redeliver(process)
        if process.ending != "died":
            self.world.stage.violations += kept_claim(self.world, process)
        if process.ending not in {"acknowledged", "died"}:
            self.world.stage.violations += kept_lease(self.world, process)
        for follow in self._followers.pop(process, ()):
            follow()
        if self.world.stage.plan.deliveries == "redrive":
            self._redrive(process.event)

    def _redrive(self, event: ImageEvent) -> None:
        """Redrive what has failed for the first time, twice at once, from nothing but its document."""
        written = self.world.ledger.writes
        for view in event.views():
            paths = naming.paths(event.source, run=event.run, task=view.task)
            name = paths.error(0)
            if name in written and paths.result not in written and event.source.generation not in self._redriven:
                self._redriven.add(event.source.generation)
                again = redrive.next_event(json.loads(written[name]), name, prefix="")
                for _ in range(2):
                    self.publish(again)

    def _run(self, process: Process) -> str:
        try:
            if process.releases:
                unpark.unpark_due(self.world.ports)
                if self.world.batches:
                    batching.follow_batches(self.world.tick_ports())
            elif process.forgets:
                self.world.delete(process.event)
                forget.forget(Upload(process.event.source), self.world.ports)
            elif process.buries:
                dead_letter.record_dead_letter(envelopes.format_image_event(process.event), self.world.ports)
            else:
                analyze.analyze(process.event, self.world.instance())
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
