"""Faults on an answer's way to the client: cut off, cut short, corrupted, stalled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Message, Send

    from ..common.faults import Fault

INVERTED = 0xFF


class DroppedError(Exception):
    """The connection is to be closed without another byte."""


class SpoiledSend:
    """A `send` that does to one answer what a fault says."""

    def __init__(self, send: Send, fault: Fault) -> None:
        self._send = send
        self._fault = fault
        self._spoil = _KINDS[fault.kind]
        self._at = 0

    async def __call__(self, message: Message) -> None:
        """Pass a message of the answer on, or what is left of it."""
        if message["type"] == "http.response.start":
            await self._send(_shorter(message, self._fault.bytes) if self._fault.kind == "truncate" else message)
            return
        start, body = self._at, message.get("body", b"")
        self._at += len(body)
        more = bool(message.get("more_body", False))
        async for piece in self._spoil(self._fault, body, self._fault.bytes - start, more):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if not more:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _shorter(head: Message, size: int) -> Message:
    headers = [
        (name, str(min(int(value), size)).encode() if name == b"content-length" else value)
        for name, value in head["headers"]
    ]
    return {**head, "headers": headers}


# Each takes the fault, a piece of the body, where in it the fault's offset is, and whether more pieces follow.


async def _cut(_: Fault, body: bytes, at: int, more: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - one of a table
    yield body[: max(0, at)]
    if at < len(body) or not more:
        raise DroppedError


async def _truncate(_: Fault, body: bytes, at: int, __: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    yield body[: max(0, at)]


async def _corrupt(_: Fault, body: bytes, at: int, __: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    hit = 0 <= at < len(body)
    yield body[:at] + bytes([body[at] ^ INVERTED]) + body[at + 1 :] if hit else body


async def _stall(fault: Fault, body: bytes, at: int, more: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    inside = 0 <= at < len(body) or (at >= len(body) and not more)
    yield body[:at] if inside else body
    if inside:
        await asyncio.sleep(fault.seconds)
        yield body[at:]


_KINDS: dict[str, Callable[[Fault, bytes, int, bool], AsyncIterator[bytes]]] = {
    "cut": _cut,
    "truncate": _truncate,
    "corrupt": _corrupt,
    "stall": _stall,
}
KINDS = frozenset(_KINDS)
