"""What an export tells a person while it runs and at its end; stdout belongs to the data."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.export.reading import StoredResult, Unreadable

_MOST_NAMED = 20


class Report:
    """Counts, and writes to `stream`: a running line on a terminal, and a summary anywhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._statuses: Counter[str] = Counter()
        self._masks = 0
        self._left_out: list[Unreadable] = []

    @property
    def results(self) -> int:
        """How many results were read."""
        return self._statuses.total()

    @property
    def left_out(self) -> int:
        """How many documents and masks could not be read."""
        return len(self._left_out)

    def count(self, found: Iterator[StoredResult]) -> Iterator[StoredResult]:
        """Pass results on, and count them."""
        for each in found:
            self._statuses[each.document["status"]] += 1
            self._progress()
            yield each

    def count_mask(self) -> None:
        """Count a mask that was read; from any thread."""
        with self._lock:
            self._masks += 1
            self._progress()

    def leave_out(self, unreadable: Unreadable) -> None:
        """Note what could not be read, and say the first ones by name; from any thread."""
        with self._lock:
            self._left_out.append(unreadable)
            if self.left_out <= _MOST_NAMED:
                self.say(f"left out: {unreadable.place}: {unreadable.reason}")

    def summarise(self, made: str) -> None:
        """Say what came of it."""
        statuses = ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())
        self.say(f"results read: {self.results} ({statuses}); {made}")
        if self.left_out > _MOST_NAMED:
            self.say(f"left out besides: {self.left_out - _MOST_NAMED}")

    def say(self, text: str) -> None:
        """Write a line of its own."""
        self._stream.write(f"{self._clear()}{text}\n")

    def _progress(self) -> None:
        if self._stream.isatty():
            masks = f", masks: {self._masks}" if self._masks else ""
            self._stream.write(f"{self._clear()}results: {self.results}{masks} …")
            self._stream.flush()

    def _clear(self) -> str:
        return "\r\x1b[K" if self._stream.isatty() else ""
