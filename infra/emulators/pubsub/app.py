"""The emulator as one process: a gRPC server, and its control API beside it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import grpc

from ..common.console import write_line
from ..common.serve import announce, place
from .broker import Broker
from .control import ANNOUNCED, ControlServer
from .faults import FaultPlan
from .routes import RPCS, rpc_handlers

if TYPE_CHECKING:
    from ..common.guard import Policy

OPTIONS = (
    # A publish request may have 10 MB; the limit is checked with a readable answer, not by the transport.
    ("grpc.max_receive_message_length", 32 << 20),
    ("grpc.max_send_message_length", 32 << 20),
    # Without this, a second emulator on the same port would silently share its connections.
    ("grpc.so_reuseport", 0),
)
STOP_GRACE_S = 0.3


async def serve(port: int, *, push_slots: int, control_port: int, host: str, policy: Policy) -> None:
    """Serve on `host` until SIGTERM or SIGINT, then cancel what is in flight.

    `policy` guards the control API. A page cannot reach gRPC: browsers speak HTTP/2 after a TLS handshake only.

    Raises:
        OSError: a port is taken; the message names it.
    """
    broker = Broker(FaultPlan(RPCS), push_slots=push_slots)
    control = ControlServer(broker, host=host, port=control_port, policy=policy)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(rpc_handlers(broker))
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"port {port} on {host} is taken: name another, or 0 for any") from error
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    address = place(host, bound)
    async with control.serving(grpc=address):
        announce(f"http://{address}")
        write_line(f"{ANNOUNCED} {control.url}")
        await stop.wait()
        await server.stop(STOP_GRACE_S)
        await broker.close()
