"""What an export tells a person while it runs and at its end; stdout belongs to the data."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self, TextIO

from shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.export.reading import StoredResult, Unreadable

_MOST_NAMED = 20


class Report:
    """Counts, and writes to `stream`: progress while it is open, and a summary."""

    def __init__(self, stream: TextIO) -> None:
        self._progress = Progress(self._counts, stream)
        self._lock = threading.Lock()
        self._statuses: Counter[str] = Counter()
        self._masks = 0
        self._left_out: list[Unreadable] = []

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the progress; of what Ctrl-C has ended, say how far it got."""
        self._progress.__exit__()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.summarise("stopped before the end, so what was written is not complete")

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
            yield each

    def count_mask(self) -> None:
        """Count a mask that was read; from any thread."""
        with self._lock:
            self._masks += 1

    def leave_out(self, unreadable: Unreadable) -> None:
        """Note what could not be read, and say the first ones by name; from any thread."""
        with self._lock:
            self._left_out.append(unreadable)
            if self.left_out <= _MOST_NAMED:
                self.say(f"left out: {unreadable.place}: {unreadable.reason}")

    def summarise(self, made: str) -> None:
        """Say what came of it."""
        statuses = ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())
        self.say(f"results read: {self.results}{f' ({statuses})' if statuses else ''}; {made}")
        if self.left_out > _MOST_NAMED:
            self.say(f"left out besides: {self.left_out - _MOST_NAMED}")

    def say(self, text: str) -> None:
        """Write a line of its own."""
        self._progress.say(text)

    def _counts(self) -> str:
        masks = f", {self._masks:,} masks" if self._masks else ""
        return f"{self.results:,} results read{masks}"
