"""The messages that are not ready yet: they wait for a moment, or for others to pass them."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Message

Entry = tuple["Message", int]
"""A message, and how many deliveries of it were tried."""


class DelayQueue:
    """A queue by due time (of its owner's clock)."""

    def __init__(self) -> None:
        self._serial = itertools.count(1)
        self._heap: list[tuple[float, int, Message, int]] = []
        self._passed_by: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, message: Message, attempts: int, *, due: float, behind: int = 0) -> None:
        """Keep a message until `due`, or (`behind` above 0) until `overtake` was called that often."""
        serial = next(self._serial)
        heapq.heappush(self._heap, (due, serial, message, attempts))
        if behind:
            self._passed_by[serial] = behind

    def next_due(self) -> float:
        """Return when `release` has something to return, infinity if never."""
        return self._heap[0][0] if self._heap else math.inf

    def release(self, now: float) -> list[Entry]:
        """Take out what is due, in the order of the due times."""
        found: list[Entry] = []
        while self.next_due() <= now:
            _, serial, message, attempts = heapq.heappop(self._heap)
            self._passed_by.pop(serial, None)
            found.append((message, attempts))
        return found

    def overtake(self) -> list[Entry]:
        """Count that one message has passed, and take out those for which it was the last."""
        if not self._passed_by:
            return []
        left = {serial: count - 1 for serial, count in self._passed_by.items()}
        self._passed_by = {serial: count for serial, count in left.items() if count}
        freed = left.keys() - self._passed_by.keys()
        found = sorted((serial, message, attempts) for _, serial, message, attempts in self._heap if serial in freed)
        self._heap = [entry for entry in self._heap if entry[1] not in freed]
        heapq.heapify(self._heap)
        return [(message, attempts) for _, message, attempts in found]

    def messages(self) -> list[Message]:
        """Return what is kept, in no order."""
        return [entry[2] for entry in self._heap]

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._passed_by.clear()
