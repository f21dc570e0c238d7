"""Fuzz input as decisions: the first bytes choose, the rest is the payload.

Plain Python in place of a fuzzer's own provider, so that a test replays the same decisions without a fuzzer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Feed:
    """Reads decisions off the front of some bytes; an input that has ended goes on with zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """Return the next byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included, of two bytes."""
        return low + (self.byte() << 8 | self.byte()) % (high - low + 1)

    def pick(self, options: Sequence[_T]) -> _T:
        """Return one of at most 256 options."""
        return options[self.byte() % len(options)]

    def rest(self) -> bytes:
        """Return what is left, without taking it."""
        return self._data[self._at :]

    def text(self) -> str:
        """Return what is left as text, as JSON escapes could spell it: half a surrogate pair is possible."""
        try:
            return self.rest().decode(errors="surrogatepass")
        except UnicodeDecodeError:
            return self.rest().decode(errors="replace")
