"""The stack's stand-in for Cloud Scheduler: a tick on `image-ticks` every minute, for whoever keeps house."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPICallError

from infra.local import resources, topology

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 60.0
_TIMEOUT_S = 5.0


class Ticker:
    """Publishes ticks in a thread of its own until it is stopped."""

    def __init__(self, pubsub: str, *, say: Callable[[str], None], period_s: float = PERIOD_S) -> None:
        self._client = resources.publisher(pubsub)
        self._say = say
        self._period_s = period_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin; the first tick comes after one period."""
        self._thread.start()

    def stop(self) -> None:
        """End; a tick that is under way is waited for."""
        self._ended.set()
        self._thread.join(2 * _TIMEOUT_S)
        self._client.transport.close()

    def _run(self) -> None:
        topic = topology.topic_path(topology.IMAGE_TICKS)
        while not self._ended.wait(self._period_s):
            try:
                self._client.publish(topic=topic, messages=[{"data": b"tick"}], timeout=_TIMEOUT_S, retry=None)
            except GoogleAPICallError as error:
                # Pub/Sub may be ending before the ticker does; the next tick makes up for this one.
                self._say(f"ticker     {error.message}")
