"""The deliveries that hold a lease in this instance: what must be let go of when it is asked to stop."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery.shutdown import is_cut
from shared.core.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.core.delivery.shutdown import Phase


@dataclass(slots=True)
class _Delivery:
    release: Callable[[], None]
    phase: Phase = "working"
    cut: bool = False


class InFlight:
    """Every delivery at work, by its attempt; shared by all threads of an instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: dict[str, _Delivery] = {}
        self.stopping = threading.Event()
        """Set: nothing new is begun, and nothing is waited for."""

    def __len__(self) -> int:
        """Return how many deliveries hold a lease."""
        with self._lock:
            return len(self._deliveries)

    @contextlib.contextmanager
    def holding(self, attempt: str, release: Callable[[], None]) -> Iterator[None]:
        """Count a delivery while it holds its lease; `release` lets go of that, from another thread if need be."""
        with self._lock:
            self._deliveries[attempt] = _Delivery(release)
        try:
            yield
        finally:
            self._forget(attempt)

    def asking(self, attempt: str) -> None:
        """Note that a model call begins.

        Raises:
            TransientError: the instance is stopping; another one will ask.
        """
        if self.stopping.is_set():
            raise TransientError("This instance is stopping: the model is asked at the next delivery.")
        self._enter(attempt, "asking")

    def answered(self, attempt: str) -> None:
        """Note that the model has answered: from here on the answer must reach the journal."""
        self._enter(attempt, "answered")

    def reply_kept(self, attempt: str) -> None:
        """Note that the answer is written down: whoever comes next finds it there."""
        self._enter(attempt, "working")

    def cut(self, *, since_s: float) -> None:
        """Release the leases of all deliveries whose time is over, each in a thread of its own."""
        with self._lock:
            due = {
                attempt: delivery
                for attempt, delivery in self._deliveries.items()
                if not delivery.cut and is_cut(delivery.phase, since_s=since_s)
            }
            for delivery in due.values():
                delivery.cut = True
        for attempt, delivery in due.items():
            logs.warning("this instance is stopping: a delivery is cut", attempt=attempt, phase=delivery.phase)
            threading.Thread(target=self._let_go, args=(attempt, delivery), daemon=True).start()

    def _let_go(self, attempt: str, delivery: _Delivery) -> None:
        delivery.release()
        self._forget(attempt)

    def _enter(self, attempt: str, phase: Phase) -> None:
        with self._lock:
            delivery = self._deliveries.get(attempt)
            if delivery is not None:
                delivery.phase = phase

    def _forget(self, attempt: str) -> None:
        with self._lock:
            self._deliveries.pop(attempt, None)
