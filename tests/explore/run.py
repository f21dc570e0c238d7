"""Plays one plan until everything is quiet, then once more for a late duplicate and from the journal; and judges."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from shared.core.delivery import waiting
from shared.core.delivery.interpret import interpret
from shared.pipeline.upkeep import batch_collecting, batch_making, unpark
from shared.pipeline.worker import ask, commit
from tests.explore import invariants
from tests.explore.broker import Broker
from tests.explore.ledger import LogLines
from tests.explore.world import COPY, LAST, PARK_AFTER, THIRD, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.explore.plans import Plan
    from tests.explore.process import Process
    from tests.explore.stage import Step

_DAYS = 12
_HOUR_S = 3600.0
_WITHDRAWN_AT = {"twice": 0, "together": 1}
"""In which turn the first upload is forgotten beside the tick."""

_WITHDRAWN_AFTER_S = {"together": 0.6}
"""A step takes a twentieth of a second: by then both ticks deal with the lines, and one that stalls is overtaken."""

_LOGGER = logging.getLogger("uplook")


@dataclass(frozen=True, slots=True)
class Explored:
    """What became of a plan. `decisions` counts the points at which the turn could change."""

    plan: Plan
    trace: Sequence[Step]
    deliveries: Sequence[Process]
    decisions: int
    violations: tuple[str, ...]


def explore(plan: Plan) -> Explored:
    """Play a plan from the first delivery until nothing is left to deliver, and check every invariant."""
    world = World(plan)
    broker = Broker(world)
    with _installed(world):
        _open(plan, world, broker)
        world.stage.turns.run()
        _release(plan, world, broker)
        world.jobs.end_jobs(all_of_them=True)
        decisions, steps = world.stage.turns.decisions, len(world.stage.trace)
        found = [] if world.stage.over else _duplicate_late(world, broker)
    found += invariants.check(world, broker.processes)
    if not world.stage.over:
        found += _replay(world, broker)
    if world.shares and not world.stage.over:
        found += _share_and_forget(world, broker)
    if world.batches and not world.stage.over:
        found += _forget_everything(world, broker)
    return Explored(plan, world.stage.trace[:steps], broker.processes, decisions, tuple(dict.fromkeys(found)))


def _open(plan: Plan, world: World, broker: Broker) -> None:
    event = world.upload(200)
    overwritten: list[Any] = []

    def overwrite() -> None:
        if not overwritten:
            overwritten.append(world.upload(20))
            broker.publish(overwritten[0])

    world.stage.on_overwrite = overwrite
    world.stage.on_late = broker.redeliver
    world.stage.on_released = broker.released
    first = broker.publish(event)
    if world.shares:
        _open_others(plan, world, broker, first)
    if world.batches:
        _open_another(plan, world, broker, first)
    if plan.deliveries == "twice":
        broker.follow(first, lambda: broker.publish(event))
    elif plan.deliveries == "together" and not world.shares:
        broker.publish(event)
    elif plan.deliveries == "dead":
        broker.bury(event)


def _open_others(plan: Plan, world: World, broker: Broker, first: Process) -> None:
    """Begin what is done with the other upload of a shared content, and with the first one."""
    other = world.upload(200, name=COPY)
    others: list[Callable[[], Process]] = [lambda: broker.publish(other)]
    if plan.scenario == "forgotten":
        others.append(lambda: broker.forget(first.event))
        if plan.deliveries == "together":
            third = world.upload(200, name=THIRD)
            others.append(lambda: broker.publish(third))
    for do in others:
        if plan.deliveries == "together":
            do()
        else:
            broker.follow(first, do)


def _open_another(plan: Plan, world: World, broker: Broker, first: Process) -> None:
    """Begin with another upload that goes into the same batch job, and perhaps forget the first one at once."""
    other = world.upload(90, name=COPY)
    if plan.deliveries == "together":
        broker.publish(other)
        return
    broker.follow(first, lambda: broker.publish(other))
    if plan.scenario == "withdrawn" and plan.deliveries != "twice":
        broker.follow(first, lambda: broker.forget(first.event))


def _release(plan: Plan, world: World, broker: Broker) -> None:
    """Let days pass, each with its tick, until nothing is held any more; hours, where a batch job is waited for."""
    for number in range(_DAYS):
        held = world.held()
        if world.stage.over or not (held or world.unfinished_batches()):
            return
        if held:
            world.next_day()
        else:
            world.clock.time_s += _HOUR_S
        world.jobs.end_jobs()
        broker.tick()
        if world.batches and plan.deliveries == "together":
            broker.tick()
        if plan.scenario == "withdrawn" and number == _WITHDRAWN_AT.get(plan.deliveries):
            broker.forget(broker.processes[0].event, after_s=_WITHDRAWN_AFTER_S.get(plan.deliveries, 0.0))
        world.stage.turns.run()


def _duplicate_late(world: World, broker: Broker) -> list[str]:
    """Deliver each event once more when all is done: nothing is broken now, so nothing but an event may come of it."""
    world.stage.calm = True
    before = (len(world.ledger.paid), len(world.ledger.writes))
    for event in broker.events():
        if event.source.generation not in world.ledger.forgotten:
            broker.publish(event)
            broker.bury(event)
    world.stage.turns.run()
    after = (len(world.ledger.paid), len(world.ledger.writes))
    return [] if after == before else [f"pay once: late duplicates made {before} payments and writes {after}"]


def _replay(world: World, broker: Broker) -> list[str]:
    """Lose the results but not the journal, and deliver again: the same bytes must come of it."""
    found = []
    for event in broker.events():
        if event.source.generation in world.ledger.forgotten:
            continue
        original = invariants.answered_files(world, event)
        if original:
            again = world.rewound(event)
            with _installed(again):
                Broker(again).publish(event)
                again.stage.turns.run()
            rewritten = {name: again.ledger.writes.get(name) for name in original}
            if rewritten != original or again.ledger.paid:
                found.append("same bytes: the journal led to other bytes, or to another payment")
    return found


def _share_and_forget(world: World, broker: Broker) -> list[str]:
    """Upload the content once more, which costs nothing if anybody has its answer; then forget everything."""
    known, before = invariants.is_answered(world, broker.events(), world.ledger.contents), len(world.ledger.paid)
    with _installed(world):
        broker.publish(world.upload(200, name=LAST))
        world.stage.turns.run()
        found = ["pay once: a further upload was paid for"] if known and len(world.ledger.paid) > before else []
    return [*found, *_forget_everything(world, broker)]


def _forget_everything(world: World, broker: Broker) -> list[str]:
    with _installed(world):
        for event in broker.events():
            broker.forget(event)
        world.stage.turns.run()
    return [*world.stage.violations, *world.ledger.violations, *invariants.left_over(world, broker.processes)]


@contextlib.contextmanager
def _installed(world: World) -> Iterator[None]:
    """Put the seams that are no ports on the stage, too: the threads that write files, and the parser as a step."""

    def parse(*arguments: Any) -> Any:
        return world.stage.call("interpret", "reply", lambda: interpret(*arguments))

    lines = LogLines()
    lines.ledger = world.ledger
    level, propagates = _LOGGER.level, _LOGGER.propagate
    with (
        patch.object(ask, "interpret", parse),
        patch.object(waiting, "PARK_AFTER", PARK_AFTER),
        patch.object(commit, "concurrently", world.stage.gather),
        patch.object(unpark, "concurrently", world.stage.gather),
        patch.object(batch_making, "concurrently", world.stage.gather),
        patch.object(batch_collecting, "concurrently", world.stage.gather),
    ):
        _LOGGER.addHandler(lines)
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False
        try:
            yield
        finally:
            _LOGGER.removeHandler(lines)
            _LOGGER.setLevel(level)
            _LOGGER.propagate = propagates
