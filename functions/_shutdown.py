"""SIGTERM: an instance ends within Cloud Run's ten seconds, and leaves no lease behind.

functions-framework serves with gunicorn, whose worker goes on for 30 s after SIGTERM and offers no hook: our code is
imported before it forks, and it alone may set signal handlers. But the handler it sets is a method of the worker, whose
`alive` turns False with the signal, so a thread that looks there sees it in time. Elsewhere (the framework's debug
server, a test client) there is no such worker, and SIGTERM ends the process as ever.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from shared import logs
from shared.core.delivery.shutdown import TRACES_S, ends

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.pipeline.instance.in_flight import InFlight

_POLL_S = 0.1


@runtime_checkable
class _Server(Protocol):
    alive: bool


@functools.cache  # once per process; two first events at once begin two threads, which do no harm
def watch(in_flight: InFlight, stop_traces: Callable[..., None]) -> None:
    """Begin to watch for SIGTERM; it takes a thread, so the first event calls this, behind the fork."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if isinstance(server, _Server):
        threading.Thread(target=_watch, args=(server, in_flight, stop_traces), name="stopping", daemon=True).start()


def _watch(server: _Server, in_flight: InFlight, stop_traces: Callable[..., None]) -> None:
    while server.alive:
        time.sleep(_POLL_S)
    begun_s = time.monotonic()
    in_flight.stopping.set()
    logs.info("stopping", in_flight=len(in_flight))
    # A process whose requests all end before that is ended by gunicorn, and this thread with it.
    while not ends(since_s=time.monotonic() - begun_s, left=len(in_flight)):
        in_flight.cut(since_s=time.monotonic() - begun_s)
        time.sleep(_POLL_S)
    logs.warning("stopped: requests in flight are cut, and their events will be delivered again")
    stop_traces(timeout_s=TRACES_S)
    # Not sys.exit: it would wait for threads that wait for the model.
    os._exit(0)
