"""This machine's time."""

from __future__ import annotations

import datetime as dt
import time


class SystemClock:
    """The `Clock` port."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def now_iso(self) -> str:
        """The time of day, UTC, as RFC 3339 with milliseconds."""
        return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
