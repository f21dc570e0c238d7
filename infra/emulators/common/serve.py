"""Run one local HTTP service: bind to loopback, say where, let nobody in but programs, serve until told to stop.

Every service of the stack announces itself with one line on stdout, `ready <url>`, once it really listens;
the supervisor (and a person) reads the port from there, so port 0 ("any free one") is the normal case.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Literal

import uvicorn

from .console import write_line
from .guard import Guard

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from .guard import Policy

LOOPBACK = "127.0.0.1"
READY = "ready"


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
    )


def serve_http(app: ASGIApp, *, port: int, policy: Policy, host: str = LOOPBACK) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get two seconds to finish.

    Raises:
        OSError: as `listen`.
    """
    sock = listen(port, host=host)
    server = uvicorn.Server(guarded(app, policy, grace_s=2, lifespan="on"))
    announce(f"http://{place(host, sock.getsockname()[1])}")
    server.run(sockets=[sock])
