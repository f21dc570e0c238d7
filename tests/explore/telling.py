"""Runs in short, as they travel between processes: a module of its own, so that those can find it by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.explore.plans import draw
from tests.explore.run import explore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.explore.plans import Plan


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one plan; `name` replays it."""

    name: str
    plan: str
    steps: int
    faults: int
    violations: tuple[str, ...]


def tell_share(share: Callable[[], Iterable[Plan]]) -> list[Told]:
    """Play a share of the plans."""
    return [_tell(repr(str(plan)), plan) for plan in share()]


def tell_seeds(seeds: Iterable[int]) -> list[Told]:
    """Play the random plans with these numbers."""
    return [_tell(str(seed), draw(seed)) for seed in seeds]


def _tell(name: str, plan: Plan) -> Told:
    found = explore(plan)
    faults = sum(1 for step in found.trace if step.fault)
    return Told(name, str(plan), len(found.trace), faults, found.violations)
