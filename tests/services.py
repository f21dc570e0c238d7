"""Start one service of the local stack for a test, on a free port, as its own process."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from infra.emulators.common.serve import LOOPBACK
from infra.emulators.pubsub.control import ANNOUNCED
from infra.local.process import Process, service_argv
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_TIMEOUT_S = WAIT_S


@contextlib.contextmanager
def running(name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the URL of `python -m infra.local NAME --port 0 …`; the process is gone afterwards."""
    child = Process(name, service_argv(name, "--port", "0", *arguments), env={**os.environ, **(env or {})})
    with child:
        yield child.wait_ready(timeout_s=START_TIMEOUT_S)


def control_url(child: Process) -> str:
    """Return the second address that the Pub/Sub emulator announces, as soon as it has."""

    def announced() -> str | None:
        words = (line.split() for line in child.tail().splitlines())
        return next((line[1] for line in words if line[:1] == [ANNOUNCED]), None)

    return wait_until(announced, "control address", seen=child.tail)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
