"""Where events wait to be published: in order, unless a fault was planned for one of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..common.faults import Fault, Plan
    from .events import Change, Message

OVERTAKEN_WITHIN_S = 5.0
OPERATIONS = {
    "OBJECT_FINALIZE": "event.finalize",
    "OBJECT_DELETE": "event.delete",
    "OBJECT_ARCHIVE": "event.archive",
    "OBJECT_METADATA_UPDATE": "event.metadataUpdate",
}
"""What the rules of a plan call the events."""


class Outbox:
    """Hands every message to `put`, when and as often as the plan says."""

    def __init__(self, put: Callable[[Message], None], plan: Plan) -> None:
        self._put = put
        self._plan = plan
        self._held: list[_Held] = []

    def post(self, change: Change, messages: Sequence[Message]) -> None:
        """Take the messages that tell about one change."""
        version = change.version
        fault = self._plan.take(OPERATIONS[change.event], f"{version.bucket}/{version.name}")
        if fault and fault.kind in ("delay", "reorder"):
            self._held.append(_Held(fault, messages, self._put_all))
            return
        copies = 1 + (_number(fault) if fault else 0)
        self._put_all([message for message in messages for _ in range(copies)])
        for held in self._held:
            if held.until_next:
                held.release()
        self._held = [held for held in self._held if not held.released]

    def close(self) -> None:
        """Hand over what is still held back."""
        for held in self._held:
            held.release()

    def _put_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._put(message)


class _Held:
    """Messages that wait, for a time or for the next event."""

    def __init__(self, fault: Fault, messages: Sequence[Message], put: Callable[[Sequence[Message]], None]) -> None:
        self.until_next = fault.kind == "reorder"
        self.released = False
        self._messages = messages
        self._put = put
        self._lock = threading.Lock()
        seconds = fault.seconds or (OVERTAKEN_WITHIN_S if self.until_next else 0)
        self._timer = threading.Timer(seconds, self.release)
        self._timer.daemon = True
        self._timer.start()

    def release(self) -> None:
        """Hand the messages over, once."""
        self._timer.cancel()
        with self._lock:
            if not self.released:
                self.released = True
                self._put(self._messages)


def _number(fault: Fault) -> int:
    return fault.body if isinstance(fault.body, int) else 1
