"""One run in short, as it travels between processes: a module of its own, so that those can find it by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.explore.run import explore

if TYPE_CHECKING:
    from tests.explore.plans import Plan


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one plan; `name` replays it."""

    name: str
    plan: str
    steps: int
    faults: int
    violations: tuple[str, ...]


def tell(named: tuple[str, Plan]) -> Told:
    """Play a plan."""
    name, plan = named
    found = explore(plan)
    faults = sum(1 for step in found.trace if step.fault)
    return Told(name, str(plan), len(found.trace), faults, found.violations)
