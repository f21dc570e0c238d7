"""How long each step of an ask took."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.pipeline.ports import Ports


class Watch:
    """Whole milliseconds between laps, by step: `laps_ms`."""

    def __init__(self, ports: Ports, laps_ms: dict[str, int]) -> None:
        self._ports = ports
        self._last_s = ports.clock.monotonic_s()
        self.laps_ms = laps_ms

    def lap(self, step: str) -> None:
        """Note how long a step took that ends now."""
        now_s = self._ports.clock.monotonic_s()
        self.laps_ms[step] = round((now_s - self._last_s) * 1000)
        self._last_s = now_s
