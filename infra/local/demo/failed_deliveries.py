"""How many deliveries functions answer with an error while the demo waits: such silence ends by a repair alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.activity import Tail, is_refusal

if TYPE_CHECKING:
    from pathlib import Path


class FailedDeliveries:
    """Counts the deliveries that ended with an error since the last progress, as the functions write it down."""

    def __init__(self, activity: Path) -> None:
        self._tail = Tail(activity)
        self._count = 0
        self._quiet_s = 0.0

    def since_progress(self, quiet_s: float) -> int:
        """Return the count; `quiet_s` is how long ago the last progress was, by which a new one is known."""
        if quiet_s < self._quiet_s:
            self._count = 0
        self._quiet_s = quiet_s
        self._count += sum(map(is_refusal, self._tail.read()))
        return self._count
