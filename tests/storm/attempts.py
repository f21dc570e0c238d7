"""What the workers' own logs tell: which attempts asked the model, and which of them could not keep its answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.storm.instance import Life

ASKING, JOURNALLED = "asking", "journalled"
_OUT_OF_TIME = "Gemini could not be reached: ReadTimeout."


@dataclass(slots=True)
class Attempt:
    """One delivery that came to ask; `last` is what its last log line says, and `reason` why."""

    key: str
    life: int
    killed: bool = False
    asked: int = 0
    journalled: int = 0
    last: str = ""
    reason: str = ""

    @property
    def died_asking(self) -> bool:
        """Whether it was killed between the question and the journal."""
        return self.killed and self.last == ASKING

    @property
    def ran_out_of_time(self) -> bool:
        """Whether its time was up (TIMEOUT_S) before the model's answer came: a busy machine can be as slow as that."""
        return self.reason == _OUT_OF_TIME


def read(lives: Sequence[Life]) -> list[Attempt]:
    """Return all attempts of an instance that asked at least once."""
    return [attempt for life in lives for attempt in _of_life(life)]


def _of_life(life: Life) -> Iterable[Attempt]:
    attempts: dict[str, Attempt] = {}
    deliveries: dict[str, Attempt] = {}
    for entry in _entries(life.lines):
        name, message, event = entry.get("attempt"), entry["message"], entry.get("event")
        attempt = deliveries.get(str(event))
        if name is not None:
            attempt = attempts.setdefault(name, Attempt(entry["key"], life.number, life.killed))
            deliveries[str(event)] = attempt
        if attempt is not None:
            attempt.last, attempt.reason = message, entry.get("reason", "")
            attempt.asked += message == ASKING
            attempt.journalled += message == JOURNALLED
    return [attempt for attempt in attempts.values() if attempt.asked]


def _entries(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        if line.startswith("{"):  # the framework writes other things
            yield json.loads(line)
