"""How many deliveries functions answer with an error while the demo waits: such silence ends by a repair alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.local.activity import ANSWERED, Tail

if TYPE_CHECKING:
    from pathlib import Path

_ERRORS: Final = 400


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
        self._count += sum(
            each.what == ANSWERED and each.details.get("status", 0) >= _ERRORS for each in self._tail.read()
        )
        return self._count
