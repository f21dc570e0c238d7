"""Run one local HTTP service: bind to loopback, say where, let nobody in but programs, serve until told to stop.

Every service of the stack announces itself with one line on stdout, `ready <url>`, once it really listens;
the supervisor (and a person) reads the port from there, so port 0 ("any free one") is the normal case.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any, Literal, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .console import write_line
from .guard import Guard

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp

    from .guard import Policy

LOOPBACK = "127.0.0.1"
READY = "ready"
_JOINED_BYTES = 65_536


def listen(port: int, *, host: str = LOOPBACK) -> socket.socket:
    """Return a listening TCP socket on loopback, or on the address or name `host`; port 0 takes any free one.

    Raises:
        OSError: the port is taken, or forbidden, or `host` is none of this machine; the message names it.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise OSError(error.errno, f"{host} is no address to listen on ({error.strerror})") from error
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A request and its reply are small and alternate: without this, Nagle and delayed ACK cost 40 ms each.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise OSError(error.errno, f"port {port} on {host} {why}: name another, or 0 for any") from error
    sock.listen(1024)
    return sock


def announce(url: str) -> None:
    """Say on stdout that a service listens at `url` (the supervisor waits for this line)."""
    write_line(f"{READY} {url}")


def place(host: str, port: int) -> str:
    """Return `host:port` as it stands in a URL; where all addresses are listened on, the loopback one.

    >>> place("::1", 8085), place("0.0.0.0", 80)
    ('[::1]:8085', '127.0.0.1:80')
    """
    shown = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"


def guarded(app: ASGIApp, policy: Policy, *, grace_s: int, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    """Return how a local service is served: behind its policy, without WebSockets, which none has."""
    return uvicorn.Config(
        Guard(app, policy),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=grace_s,
        lifespan=lifespan,
        ws="none",
        http=_Protocol,
        proxy_headers=False,
    )


class JoinedWrites:
    """A transport that sends what is written within one turn of the event loop in one go.

    An answer is written as a head and a body, and to send a small one twice takes a fifth of all that its server does.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Send this soon; what is long is sent at once, so that the transport's own limit holds."""
        if data and not self._held:
            self._loop.call_soon(self._send)
        self._held += data
        if len(self._held) > _JOINED_BYTES:
            self._send()

    def close(self) -> None:
        """Send what was written, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            self._transport.write(bytes(self._held))
            self._held.clear()

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the transport has."""
        return getattr(self._transport, name)


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))


def serve_http(app: ASGIApp, *, port: int, policy: Policy, host: str = LOOPBACK) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get two seconds to finish.

    Raises:
        OSError: as `listen`.
    """
    sock = listen(port, host=host)
    server = uvicorn.Server(guarded(app, policy, grace_s=2, lifespan="on"))
    announce(f"http://{place(host, sock.getsockname()[1])}")
    server.run(sockets=[sock])
