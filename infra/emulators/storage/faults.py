"""The faults this emulator can do: to requests, and to events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.faults import Plan

if TYPE_CHECKING:
    from ..common.faults import Fault, PlannedFault

REQUEST_KINDS = {
    "latency": "waits `seconds`, then does what was asked",
    "status": "does nothing and answers `status` (0: 503); a text `body` is the error's message, any other is sent as "
    "it is",
    "lost_answer": "does what was asked, then closes the connection without an answer",
    "reset": "closes the connection after `bytes` of the request's body (0: at once), and does nothing",
    "stall": "does what was asked, answers up to `bytes` of the body, is silent for `seconds`, sends the rest",
    "cut": "does what was asked and closes the connection after `bytes` of the answer's body",
    "truncate": "does what was asked and answers `bytes` of the body as if they were all: only its checksum tells",
    "corrupt": "does what was asked and inverts one byte of the answer's body, the one at `bytes`",
}
EVENT_KINDS = {
    "duplicate": "publishes the event again, `body` times (none: once): same event id, other message id",
    "delay": "publishes the event `seconds` later; the events behind it do not wait",
    "reorder": "publishes the event after the next one, or after `seconds` (0: 5) if none comes",
}

EVENT_OPERATIONS = {
    "OBJECT_FINALIZE": "event.finalize",
    "OBJECT_DELETE": "event.delete",
    "OBJECT_ARCHIVE": "event.archive",
    "OBJECT_METADATA_UPDATE": "event.metadataUpdate",
}
"""What the rules of a plan call the events."""


class FaultPlan(Plan):
    """Faults of both sorts behind one control API; a rule of one sort never hits what the other is for."""

    def __init__(self) -> None:
        super().__init__({**REQUEST_KINDS, **EVENT_KINDS})
        self.events = Plan(EVENT_KINDS, _ids=self._ids)

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id."""
        return self.events.add(fault) if fault.kind in EVENT_KINDS else super().add(fault)

    def documents(self) -> list[PlannedFault]:
        """Return every rule as JSON, in the order of their ids."""
        return sorted([*super().documents(), *self.events.documents()], key=lambda rule: rule["id"])

    def remove(self, rule_id: int) -> None:
        """Forget one rule, if it is there."""
        super().remove(rule_id)
        self.events.remove(rule_id)

    def clear(self) -> None:
        """Forget every rule."""
        super().clear()
        self.events.clear()
