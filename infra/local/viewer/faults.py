"""What can be broken in a local stack, and what is to be seen of it. See `infra.local.viewer.api`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from infra.local.viewer.live import Live


class Faults(Protocol):
    """Breaks what it is asked to break."""

    def documents(self) -> list[dict[str, Any]]:
        """Return what can be broken, as the page offers it."""

    def do(self, name: str, live: Live) -> dict[str, Any]:
        """Break it; return what was done in words, and which image shows it."""
