"""One function under functions-framework, in a process of its own: Uplook's, an earlier commit's, or a bare one."""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING, Self

from infra.bench.floor import processes
from infra.bench.floor.peers import START_TIMEOUT_S
from infra.local.process import Process, held_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Instance:
    """Starts at once; use as a context manager, or call `stop`. `source` is its deploy root's file, in folder `root`.

    Raises:
        ServiceError: it did not start.
    """

    def __init__(self, target: str, *, source: str, root: Path, environ: Mapping[str, str], threads: int) -> None:
        # gunicorn's control socket lies in one place for all servers of a person otherwise.
        self._sockets = tempfile.TemporaryDirectory(prefix="uplook-")
        argv = [sys.executable, "-m", "functions_framework", "--source", source, "--target", target]
        argv += ["--signature-type", "cloudevent", "--host", "127.0.0.1", "--port"]
        env = {**environ, "THREADS": str(threads), "XDG_RUNTIME_DIR": self._sockets.name}
        with held_port() as self.port:
            self._process = Process(target, [*argv, str(self.port)], env=env, cwd=root)
            try:
                self._process.wait_port(self.port, timeout_s=START_TIMEOUT_S)
            except BaseException:
                self.stop()
                raise

    def cpu_s(self) -> float:
        """Return the processor time that gunicorn and its worker have used since they started."""
        return processes.cpu_s(self._process.pid)

    def peak_mb(self) -> float:
        """Return the most memory that was resident in the larger of both."""
        return processes.peak_mb(self._process.pid)

    def forget_peak(self) -> None:
        """Have the peak counted anew."""
        processes.forget_peak(self._process.pid)

    def said(self) -> str:
        """Return the last lines of what it wrote."""
        return self._process.tail()

    def stop(self) -> None:
        """End it in order."""
        self._process.stop()
        self._sockets.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
