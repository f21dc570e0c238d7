"""This machine's time."""

from __future__ import annotations

import datetime as dt
import threading
import time

from shared.core.errors import TransientError


class SystemClock:
    """The `Clock` port. `stopping` is set when this instance is about to end: no wait is worth it then."""

    def __init__(self, stopping: threading.Event | None = None) -> None:
        self._stopping = stopping or threading.Event()

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def now_iso(self) -> str:
        """The time of day, UTC, as RFC 3339 with milliseconds."""
        return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            TransientError: the instance is stopping.
        """
        if self._stopping.wait(seconds):
            raise TransientError("This instance is stopping: it waits for nothing any more.")
