"""Start one service of the local stack for a test, on a free port, as its own process."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from infra.local.process import Process, service_argv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

START_TIMEOUT_S = 60.0


@contextlib.contextmanager
def running(name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the URL of `python -m infra.local NAME --port 0 …`; the process is gone afterwards."""
    child = Process(name, service_argv(name, "--port", "0", *arguments), env={**os.environ, **(env or {})})
    with child:
        yield child.wait_ready(timeout_s=START_TIMEOUT_S)
