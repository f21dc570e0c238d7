"""Faults on demand: their kinds, the operations each can hit, and what an RPC does under one.

Operations are the RPCs by their own names (`Publish`, `Pull`, `StreamingPull`, `CreateTopic`, …) and three events
of the emulator: `deliver` (a message enters a subscription), `ack` (an acknowledgement by pull or stream) and `push`
(one attempt). The subject is the short name of the topic or subscription: of what the RPC's request names, else of
the subscription. For StreamingPull, every answer that holds messages counts.
"""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import grpc

from ..common.faults import Fault, FaultError, Plan
from .errors import Refusal
from .push_request import ACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .models import Proto

DELIVER, ACK, PUSH = "deliver", "ack", "push"
EVENTS = (DELIVER, ACK, PUSH)

KINDS = {
    "status": "an RPC fails with gRPC code `status` (0: 14, UNAVAILABLE) after `seconds`, and nothing has happened",
    "lost_answer": "an RPC or a push takes effect, but its answer is lost: an RPC fails with gRPC code `status`"
    " (0: 14, UNAVAILABLE) after `seconds`, a push counts as refused",
    "delay": "an RPC, a delivery or a push happens `seconds` later",
    "duplicate": "a message is delivered `body` times more (none: once more), under the same message id",
    "reorder": "a message is held until `body` later ones (none: 1) of its subscription have passed,"
    " but no longer than `seconds` (0: 5)",
    "lost_ack": "an acknowledgement by pull or stream is confirmed and ignored: the message comes again after `seconds`"
    " (0: when its ack deadline ends)",
    "push_status": "a push is answered with HTTP `status` (0: 503) after `seconds`, and the endpoint never sees it",
}
RPC_KINDS = frozenset({"status", "lost_answer", "delay"})
EVENT_KINDS = {
    DELIVER: frozenset({"delay", "duplicate", "reorder"}),
    ACK: frozenset({"lost_ack"}),
    PUSH: frozenset({"lost_answer", "delay", "push_status"}),
}

REORDER_LIMIT_S = 5.0
PUSH_STATUS = 503

_CODES = {code.value[0]: code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK}
_UNAVAILABLE = 14
_NAMING_FIELDS = ("name", "resource", "topic", "subscription", "snapshot", "schema", "project", "parent")
"""What requests call the thing they are about; of two of these, the earlier one is it."""


class FaultPlan(Plan):
    """The plan of this emulator: a rule is hit only by operations that its kind can befall."""

    __slots__ = ("_operations",)

    def __init__(self, rpcs: Iterable[str]) -> None:
        super().__init__(KINDS)
        self._operations = (*rpcs, *EVENTS)

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id.

        Raises:
            FaultError: there is no such kind, it befalls no operation that the rule names, or a value is out of range.
        """
        rule = _Scoped(**asdict(fault))
        if fault.kind in KINDS:
            self._check_operation(rule)
            _check_values(rule)
        return super().add(rule)

    def _check_operation(self, rule: _Scoped) -> None:
        possible = [each for each in self._operations if rule.kind in _kinds_at(each)]
        if not fnmatch.filter(possible, rule.operation):
            raise FaultError(f"operation: {rule.kind} befalls {', '.join(possible)}; found {rule.operation!r}")


class _Scoped(Fault):
    __slots__ = ()

    def fits(self, operation: str, subject: str) -> bool:
        return self.kind in _kinds_at(operation) and super().fits(operation, subject)


def subject_of(request: Proto) -> str:
    """Return the short name of what a request is about."""
    for field in _NAMING_FIELDS:
        value = getattr(request, field, "")
        name = value if isinstance(value, str) else value.name
        if name:
            return str(name).rsplit("/", 1)[-1]
    return ""


async def with_fault(fault: Fault | None, act: Callable[[], Any]) -> Any:
    """Do what an RPC does (`act` may be asynchronous) and return its answer, under the fault that hit it.

    Raises:
        Refusal: the fault says so, or the act itself does.
    """
    if fault is None:
        return await _done(act)
    if fault.kind == "lost_answer":
        await _done(act)
    await asyncio.sleep(fault.seconds)
    if fault.kind == "delay":
        return await _done(act)
    code = _CODES[fault.status or _UNAVAILABLE]
    raise Refusal(code, f"{code} by the planned fault {fault.kind}.")


def count_of(fault: Fault) -> int:
    """Return how many copies, or how many later messages, a rule asks for."""
    return 1 if fault.body is None else int(fault.body)


async def _done(act: Callable[[], Any]) -> Any:
    reply = act()
    return await reply if inspect.isawaitable(reply) else reply


def _kinds_at(operation: str) -> frozenset[str]:
    return EVENT_KINDS.get(operation, RPC_KINDS)


def _check_values(rule: Fault) -> None:
    if rule.kind in {"status", "lost_answer"} and rule.status and rule.status not in _CODES:
        raise FaultError(f"status: expected a gRPC code from 1 to 16, or 0 for UNAVAILABLE; found {rule.status}")
    # An acknowledgement in the endpoint's stead would lose the message, which Pub/Sub never does.
    refuses = 200 <= rule.status <= 599 and rule.status not in ACKS  # noqa: PLR2004 - final HTTP statuses
    if rule.kind == "push_status" and rule.status and not refuses:
        raise FaultError(f"status: expected an HTTP status that acknowledges nothing, or 0; found {rule.status}")
    if rule.kind in {"duplicate", "reorder"} and not _is_count(rule.body):
        raise FaultError(f"body: expected how many, a whole number above 0, or nothing for 1; found {rule.body!r}")


def _is_count(body: object) -> bool:
    return body is None or (isinstance(body, int) and not isinstance(body, bool) and body > 0)
