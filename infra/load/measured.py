"""What a run has shown, as plain values: when each upload arrived and ended, and samples of the stack. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.load.usage import Usage


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the stack: `at_s` from the beginning; counts since then; backlog by subscription.

    `backlog` is what Pub/Sub still has to deliver or waits for, `failed` how many deliveries were given back.
    """

    at_s: float
    finished: int
    backlog: Mapping[str, int]
    failed: int
    dead: int
    usage: Mapping[str, Usage]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery to a function: when it came, when the model was asked, and when it was answered (wall clock)."""

    function: str
    name: str
    came_s: float
    asked_s: float | None
    answered_s: float
    status: int


@dataclass(slots=True)
class Fate:
    """One upload: when it was to arrive, and when the last of its results was announced; None: it has not ended."""

    name: str
    arrived_s: float
    finished_s: float | None = None
    held: bool = False
    failed: bool = False
    tasks: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Run:
    """All of a run. `began_s` is when time 0 was, by the wall clock; `retries` are those within deliveries."""

    began_s: float
    uploads: Sequence[Fate]
    samples: Sequence[Sample]
    deliveries: Sequence[Delivery]
    retries: int
