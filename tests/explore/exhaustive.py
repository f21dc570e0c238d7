"""Lists every plan with one fault, for every step and schedule, and every one with two; found by playing the rest."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Final

from tests.explore.plans import BATCHED, SCENARIOS, Plan, applicable
from tests.explore.run import explore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEDULES: Final = ("once", "twice", "together", "dead", "redrive", "takeover", "overwrite", "sigterm", "stalled")
"""once, twice in a row, twice at once with one change of turn at every point; dead: the same with a dead letter as the
second; redrive: of what the model refused, or failed without it, twice at once; takeover: at every step, the first
delivery outlives its lease, another takes over and the first goes on; overwrite: of the source, at every step;
sigterm: at every step, and delivered again; stalled: of batch jobs, twice at once, and whoever is at a step waits there
until all others are through."""

_OF_BATCHES: Final = {"stalled"}

SHORT: Final = tuple(scenario for scenario in SCENARIOS if scenario not in {"away", *BATCHED})
"""Scenarios of which all pairs are listed. The others are four deliveries long and longer, and repeat themselves."""

_SEVERAL: Final = {"together", "dead", "takeover", "overwrite", "sigterm", "stalled"}
"""Schedules that are many plans by themselves: of batch jobs without a further fault."""

_MIDWAY: Final = {"takeover": "outlive", "overwrite": "overwrite", "sigterm": "cancel"}


def bases(scenario: str, schedule: str) -> Iterator[Plan]:
    """Yield a schedule's plans without any further fault."""
    once = Plan(scenario, "once")
    match schedule:
        case "once":
            yield once
        case "twice":
            yield Plan(scenario, "twice")
        case "together" | "dead":
            several = Plan(scenario, schedule)
            yield from (replace(several, switches=(at,)) for at in range(explore(several).decisions))
        case "redrive":
            yield _redriven(scenario)
        case "stalled":
            several = Plan(scenario, "together")
            yield from (replace(several, faults=((step.number, "stall"),)) for step in explore(several).trace)
        case _:
            steps = explore(once).trace
            kind = _MIDWAY[schedule]
            for step in steps:
                if kind in applicable(step.operation, scenario=scenario):
                    yield replace(once, faults=((step.number, kind),))


def singles(scenario: str, schedule: str) -> Iterator[Plan]:
    """Yield each schedule without a fault, and with each fault at each of its steps."""
    for base in bases(scenario, schedule):
        yield base
        if not (scenario in BATCHED and schedule in _SEVERAL):
            yield from with_one_more(base)


def pairs(scenario: str) -> Iterator[Plan]:
    """Yield every single delivery with two faults, the second at any step that follows the first, redeliveries too."""
    return chain.from_iterable(share() for share in _pair_shares(scenario))


def interleavings(scenario: str) -> Iterator[Plan]:
    """Yield two deliveries at once, the turn changing at any two points; alone, and with a call that is refused."""
    return chain.from_iterable(share() for share in _turn_shares(scenario))


def schedules() -> Iterator[tuple[str, str]]:
    """Yield every scenario with every schedule that it has."""
    return (each for each in product(SCENARIOS, SCHEDULES) if each[0] in BATCHED or each[1] not in _OF_BATCHES)


def _single_shares() -> Iterator[Callable[[], Iterator[Plan]]]:
    return (partial(singles, *each) for each in schedules())


def _pair_shares(scenario: str) -> Iterator[Callable[[], Iterator[Plan]]]:
    for first in with_one_more(Plan(scenario, "once")):
        yield partial(with_one_more, first, after=first.faults[-1][0])


def _turn_shares(scenario: str) -> Iterator[Callable[[], Iterator[Plan]]]:
    decisions = explore(Plan(scenario, "together")).decisions
    for first in range(decisions):
        yield partial(_turning_first_at, scenario, first, decisions)


def _turning_first_at(scenario: str, first: int, decisions: int) -> Iterator[Plan]:
    for second in range(first + 1, decisions):
        plan = replace(Plan(scenario, "together"), switches=(first, second))
        yield plan
        asked = (step.number for step in explore(plan).trace if step.operation == "generate")
        yield from (replace(plan, faults=((number, "refuse"),)) for number in asked)


def redrives(scenario: str) -> Iterator[Plan]:
    """Yield two redrives at once of one failure, the turn changing at any two points."""
    plan = _redriven(scenario)
    for switches in combinations(range(explore(plan).decisions), 2):
        yield replace(plan, switches=switches)


def shares() -> Iterator[Callable[[], Iterator[Plan]]]:
    """Yield all of these plans in shares: what lists one plays other plans to do so, which a process each can do."""
    yield from _single_shares()
    for scenario in SHORT:
        yield from _turn_shares(scenario)
        yield partial(redrives, scenario)
    for scenario in SHORT:
        yield from _pair_shares(scenario)


def _redriven(scenario: str) -> Plan:
    """Return a plan whose first delivery fails, and is redriven."""
    plan = Plan(scenario, "redrive")
    asked = (step.number for step in explore(plan).trace if step.operation == "generate")
    number = next(asked, None)
    return plan if number is None else replace(plan, faults=((number, "refuse"),))


def with_one_more(base: Plan, *, after: int = 0) -> Iterator[Plan]:
    """Yield a plan with each further fault at each of its steps behind this one."""
    taken = {step for step, _ in base.faults}
    for step in explore(base).trace:
        if step.number > after and step.number not in taken:
            for kind in applicable(step.operation, scenario=base.scenario):
                yield replace(base, faults=tuple(sorted((*base.faults, (step.number, kind)))))
