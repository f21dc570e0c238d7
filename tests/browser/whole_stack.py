"""The whole local stack for a test: a process that ends with the block."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from infra.local import endpoints
from infra.local.process import ROOT
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from infra.local.endpoints import Endpoints


@contextlib.contextmanager
def started(state_dir: Path, environ: Mapping[str, str]) -> Iterator[Endpoints]:
    """Yield where the services of a stack listen that was started with these variables."""

    def local(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "infra.local", *arguments, "--state", str(state_dir)]
        env = {**os.environ, **environ}
        return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)

    done = local("up", "--detach", "--viewer-port", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        state = endpoints.read(state_dir)
        assert state is not None
        yield state.endpoints
    finally:
        local("down")
