"""The HTTP control API beside gRPC: planned faults, and what became of every message so far."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..common.control import fault_routes
from ..common.faults import FAULTS_PATH
from ..common.serve import guarded, listen, place

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

    from ..common.guard import Policy
    from .broker import Broker
    from .subscription import Subscription

INFO_PATH, STATS_PATH = "/_control/", "/_control/stats"
ANNOUNCED = "control"
"""The word before the address on the line of stdout that follows the `ready` line."""


class ControlServer:
    """The control server of one emulator, on the emulator's own event loop.

    Raises:
        OSError: the port is taken; the message names it.
    """

    def __init__(self, broker: Broker, *, host: str, port: int, policy: Policy) -> None:
        self._broker = broker
        self._host = host
        self._policy = policy
        self._socket: socket.socket = listen(port, host=host)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{place(self._host, self._socket.getsockname()[1])}"

    @contextlib.asynccontextmanager
    async def serving(self, *, grpc: str) -> AsyncIterator[None]:
        """Serve inside the block, and tell who asks that the gRPC API is at `grpc`."""
        server = _Server(guarded(self._app(grpc), self._policy, grace_s=1, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[self._socket]), name="control")
        try:
            yield
        finally:
            server.should_exit = True
            await task

    def _app(self, grpc: str) -> Starlette:
        paths = [INFO_PATH, STATS_PATH, FAULTS_PATH]

        async def info(_: Request) -> JSONResponse:
            return JSONResponse({"service": "pubsub", "grpc": grpc, "control": self.url, "paths": paths})

        async def stats(_: Request) -> JSONResponse:
            return JSONResponse(statistics(self._broker))

        own = [Route(INFO_PATH, info, methods=["GET"]), Route(STATS_PATH, stats, methods=["GET"])]
        return Starlette(routes=[*own, *fault_routes(self._broker.faults)])


def statistics(broker: Broker) -> dict[str, Any]:
    """Return the counts of every topic and subscription since its creation, by its full name."""
    return {
        "topics": {name: {"published": broker.published[name]} for name in broker.topics},
        "subscriptions": {name: _counts(each) for name, each in broker.subscriptions.items()},
    }


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the emulator, whose end is also this server's."""
        yield


def _counts(subscription: Subscription) -> dict[str, Any]:
    backlog = subscription.backlog
    oldest = next(iter(backlog.unacked()), None)
    age_s = None if oldest is None else round(max(0.0, time.time() - oldest.published_us / 1e6), 3)
    counts = {"backlog": backlog.size(), "outstanding": backlog.outstanding(), "oldest_unacked_s": age_s}
    return {"topic": subscription.config.topic, **asdict(backlog.tally), **counts}
