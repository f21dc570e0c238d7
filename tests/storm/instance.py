"""One function under functions-framework, kept like an instance of Cloud Run: it can be started anew when it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.process import ROOT, Process
from tests.services import free_port
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Life:
    """From one start to the next; `lines` is all that the processes wrote."""

    number: int
    lines: list[str] = field(default_factory=list)
    killed: bool = False


class Instance:
    """Always on the same port: its subscription knows no other. `source` is the deploy root that it serves.

    `python` is that of the environment it runs in.
    """

    def __init__(
        self,
        function: str,
        *,
        env: Mapping[str, str],
        source: Path = ROOT / "main.py",
        python: Path = Path(sys.executable),
    ) -> None:
        self.function = function
        self.source = source
        self.python = python
        self.port = free_port()
        self.lives: list[Life] = []
        self._env = dict(env)
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The master process of this life; its worker is in the same process group."""
        assert self._process is not None, f"{self.function} was never started"
        return self._process

    def start(self) -> None:
        """Begin another life, and wait until it takes requests."""
        life = Life(len(self.lives))
        self.lives.append(life)
        argv = [str(self.python), "-m", "functions_framework", "--source", str(self.source), "--target"]
        argv += [self.function, "--signature-type", "cloudevent", "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = Process(self.function, argv, env=self._env, on_line=lambda _, line: life.lines.append(line))
        self._process.wait_port(self.port, timeout_s=WAIT_S)

    def kill(self) -> None:
        """End the whole group at once, with whatever it was doing."""
        self.lives[-1].killed = True
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.stop()  # reads what was still in the pipe

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.stop()

    def survivors(self) -> list[int]:
        """Return the processes of this life that still run."""
        return [pid for pid in _group(self.process.pid) if pid != os.getpid()]


def _group(group: int) -> list[int]:
    """Return the living members of a process group (a zombie is none)."""
    listing = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]
