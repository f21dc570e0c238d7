"""A child process of the stack: started, watched until ready, its output prefixed, and always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from infra.emulators.common.serve import LOOPBACK, READY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
"""The repository: children run here, so that `main.py`, `shared` and `infra` are importable."""

STOP_TIMEOUT_S = 8.0
TAIL_LINES = 40
# What functions-framework reads and gunicorn takes from there; the test finds new names in its source.
_SERVER = frozenset(
    {
        "CLOUD_RUN_TIMEOUT_SECONDS",
        "DEBUG",
        "ENTRY_POINT",
        "GUNICORN_LOG_LEVEL",
        "LOG_EXECUTION_ID",
        "THREADED_TIMEOUT_ENABLED",
        "THREADS",
        "WORKERS",
    }
)
_SERVER_PREFIX = "FUNCTION_"
_PROXIES = frozenset({"all_proxy", "grpc_proxy", "http_proxy", "https_proxy"})
_POLL_S = 0.02
_CONNECT_TIMEOUT_S = 2.0


class ServiceError(Exception):
    """A service of the stack did not start, or died; the message holds the end of its output."""


class Process:
    """One running child. Use as a context manager, or call `stop`."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        on_line: Callable[[str, str], None] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.name = name
        self.url: str | None = None
        self._on_line = on_line
        self._tail: list[str] = []
        self._announced = threading.Event()
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops its children in order.
        self._child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log-{name}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The child's process id, which is also the id of its process group."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the child lives."""
        return self._child.poll() is None

    def wait_ready(self, *, timeout_s: float) -> str:
        """Return the URL the child announced.

        Raises:
            ServiceError: it exited first, or said nothing in time.
        """
        self._wait(lambda: self._announced.wait(_POLL_S), timeout_s)
        assert self.url is not None  # noqa: S101 - set before the event
        return self.url

    def wait_port(self, port: int, *, timeout_s: float) -> None:
        """Return once something listens on this loopback port.

        Raises:
            ServiceError: the child exited first, or listened to nothing in time.
        """
        self._wait(lambda: listens(LOOPBACK, port), timeout_s)

    def _wait(self, ready: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                self._reader.join(1)
                raise ServiceError(f"{self.name} exited with code {self._child.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} was not ready within {timeout_s:.0f} s:\n{self.tail()}")
            time.sleep(_POLL_S)

    def tail(self) -> str:
        """Return the last lines of the child's output."""
        return "\n".join(self._tail)

    def stop(self) -> None:
        """Ask the child to end, and insist on its whole group after a while; safe to call again."""
        self.ask_to_stop()
        try:
            self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._child.wait()
        self._reader.join(1)

    def ask_to_stop(self) -> None:
        """Send SIGTERM without waiting, so that many children can end at once."""
        if self.running:
            self._child.terminate()

    def _read(self) -> None:
        assert self._child.stdout is not None  # noqa: S101 - PIPE was asked for
        with self._child.stdout as lines:
            for raw in lines:
                line = raw.rstrip("\n")
                self._tail = [*self._tail[1 - TAIL_LINES :], line]
                if line.startswith(f"{READY} ") and not self._announced.is_set():
                    self.url = line.removeprefix(f"{READY} ")
                    self._announced.set()
                elif self._on_line:
                    self._on_line(self.name, line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which no proxy gets between the parts of one machine.

    >>> without_proxy({"no_proxy": "example.com"})["NO_PROXY"]
    'example.com,127.0.0.1,localhost'
    >>> without_proxy({"no_proxy": "localhost, example.com"})["NO_PROXY"]
    'localhost,example.com,127.0.0.1'
    """
    before = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(",")
    names = ",".join(dict.fromkeys(name.strip() for name in [*before, LOOPBACK, "localhost"] if name.strip()))
    return {"NO_PROXY": names, "no_proxy": names}


def proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name a proxy.

    >>> proxies({"ALL_PROXY": "socks5://127.0.0.1:1080", "http_proxy": "", "no_proxy": "localhost"})
    {'ALL_PROXY': 'socks5://127.0.0.1:1080'}
    """
    return {name: value for name, value in environ.items() if name.lower() in _PROXIES and value.strip()}


def without_server_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what functions-framework would take from it for a server of ours.

    `DEBUG` and `WORKERS` are everyday names: whoever set them meant another program. An instance is one process here,
    as deployed, and what it learns is known to no other.

    >>> without_server_settings({"DEBUG": "app:*", "WORKERS": "4", "LANG": "C"})
    {'LANG': 'C'}
    """
    return {
        name: value for name, value in environ.items() if name not in _SERVER and not name.startswith(_SERVER_PREFIX)
    }


def child_environment(environ: Mapping[str, str], *, pycache: Path) -> dict[str, str]:
    """Return what a part of ours is started with: this environment, without what it holds for other programs.

    Bytecode is compiled once, outside the source tree: without it every process would compile every module anew.

    >>> sorted(child_environment({"DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"}, pycache=Path("/tmp/once")))
    ['NO_PROXY', 'PYTHONPYCACHEPREFIX', 'no_proxy']
    """
    kept = without_server_settings(environ)
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | without_proxy(kept) | {"PYTHONPYCACHEPREFIX": str(pycache)}


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Yield a free loopback port, kept for a child that cannot choose one itself until it listens there.

    Nobody else is given it meanwhile: a socket is bound to it. A server may listen there all the same, as it sets
    `SO_REUSEADDR` and this socket does not listen (Linux; socket(7)). Other systems would refuse the child: there the
    port was only free a moment ago.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((LOOPBACK, 0))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port


def service_argv(name: str, *arguments: str) -> list[str]:
    """Return the command line of one of the stack's own services."""
    return [sys.executable, "-m", "infra.local", name, *arguments]


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there, asked for two seconds at most."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True
