"""Faults that a test queues for the in-memory twins."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


class Faults:
    """Faults to come, by operation, each used once; `left` tells a test whether all were met."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._before: dict[str, deque[Exception]] = {}
        self._after: dict[str, deque[Exception]] = {}

    def add(self, operation: str, error: Exception, *, when: Literal["before", "after"] = "before") -> None:
        """Raise `error` at the operation's next call: instead of its effect, or after it (a lost answer)."""
        queue = self._before if when == "before" else self._after
        queue.setdefault(operation, deque()).append(error)

    @property
    def left(self) -> int:
        """How many faults were never met."""
        return sum(len(queue) for side in (self._before, self._after) for queue in side.values())

    def begin(self, operation: str) -> None:
        """Count a call, and raise what was queued for before its effect."""
        with self._lock:  # files are written in parallel
            self.calls[operation] += 1
        self._raise(self._before, operation)

    def end(self, operation: str) -> None:
        """Raise what was queued for after the effect."""
        self._raise(self._after, operation)

    def _raise(self, side: Mapping[str, deque[Exception]], operation: str) -> None:
        with self._lock:
            queue = side.get(operation)
            error = queue.popleft() if queue else None
        if error is not None:
            raise error
