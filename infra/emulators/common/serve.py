"""Run one local HTTP service: bind to loopback, say where, serve until told to stop.

Every service of the stack announces itself with one line on stdout, `ready <url>`, once it really listens;
the supervisor (and a person) reads the port from there, so port 0 ("any free one") is the normal case.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import uvicorn

from .console import write_line

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
READY = "ready"


def listen(port: int) -> socket.socket:
    """Return a listening TCP socket on loopback; port 0 takes any free one.

    Raises:
        OSError: the port is taken, or forbidden; the message names it.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # A request and its reply are small and alternate: without this, Nagle and delayed ACK cost 40 ms each.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((LOOPBACK, port))
    except OSError as error:
        sock.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise OSError(error.errno, f"port {port} on {LOOPBACK} {why}: name another, or 0 for any") from error
    sock.listen(1024)
    return sock


def announce(url: str) -> None:
    """Say on stdout that a service listens at `url` (the supervisor waits for this line)."""
    write_line(f"{READY} {url}")


def serve_http(app: ASGIApp, *, port: int) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests in flight get two seconds to finish."""
    sock = listen(port)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="on")
    )
    announce(f"http://{LOOPBACK}:{sock.getsockname()[1]}")
    server.run(sockets=[sock])
