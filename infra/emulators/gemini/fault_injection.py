"""The middleware that does to the bytes of an answer what a planned fault says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

from .faults import TransportFault, dropped_first

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..common.faults import Fault

HTML = b"<!doctype html><title>Sign in</title><p>A proxy answered instead of the API.\n"
RESET_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST."""


class FaultMiddleware:
    """ASGI middleware that holds an answer back until it is whole, if a fault wants to change it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, well or badly."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        planned = TransportFault()
        answer = _Answer(planned, receive, send)
        await self._app({**scope, "transport_fault": planned}, receive, answer.send)


class _Answer:
    def __init__(self, planned: TransportFault, receive: Receive, send: Send) -> None:
        self._planned = planned
        self._receive = receive
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        """Pass a message on, or collect it and play the fault at its end."""
        fault = self._planned.fault
        if fault is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._play(fault)

    async def _play(self, fault: Fault) -> None:
        if fault.kind in {"empty", "html"}:
            await self._replace(HTML if fault.kind == "html" else b"")
        elif fault.kind == "drip":
            await self._drip(max(1, fault.bytes), fault.seconds)
        else:
            await self._break_off(fault)

    async def _replace(self, body: bytes) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _drip(self, step: int, seconds: float) -> None:
        await self._send(self._start)
        for begin in range(0, len(self._body), step):
            await self._send_part(self._body[begin : begin + step])
            if await self._hung_up_within(seconds):
                return
        await self._send({"type": "http.response.body", "body": b""})

    async def _break_off(self, fault: Fault) -> None:
        size = len(self._body) // 2 if fault.kind == "truncate" and fault.bytes == 0 else fault.bytes
        if fault.kind != "lost" and not dropped_first(fault):
            await self._send(self._start)
            await self._send_part(self._body[:size])
        # The application interface has no way to break a connection: this reaches for uvicorn's, whose `receive` is a
        # method of the object that holds it.
        transport: Any = self._receive.__self__.transport  # type: ignore[attr-defined]
        if fault.kind == "truncate":
            transport.close()
        else:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            transport.abort()
        await self._hung_up()

    async def _send_part(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def _hung_up_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hung_up()
                return True
        return False

    async def _hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
