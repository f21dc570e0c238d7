"""The demo in a real pseudo-terminal: what is printed fits it, and Ctrl-C at any moment ends it without a traceback."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from infra.local.process import ROOT
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

HOOKS = ROOT / "tests" / "e2e" / "hooks"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ROWS = 40


def in_terminal(argv: list[str], columns: int, env: dict[str, str] | None = None) -> tuple[int, list[str]]:
    """Run a command in a terminal of its own; return its exit code and every line that it showed at some time."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, columns, 0, 0))
    environ = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}}
    child = subprocess.Popen(
        argv,
        cwd=ROOT,
        env={**environ, "TERM": "xterm-256color", **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = _read_all(ours)
    os.close(ours)
    text = _ESCAPES.sub("", shown.decode())
    return child.wait(WAIT_S), [piece for line in text.split("\n") for piece in line.split("\r") if piece]


def _read_all(handle: int) -> bytes:
    """Return what comes until the other side is closed, on which Linux fails with an error and others with nothing."""
    shown = b""
    while select.select([handle], [], [], WAIT_S)[0]:
        try:
            piece = os.read(handle, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    return shown


def test_a_terminal_of_80_columns_shows_lines_that_fit_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "infra.local", "demo", "--state", str(tmp_path)]

    code, lines = in_terminal(argv, 80)

    assert code == 0, lines
    assert max(map(cell_len, lines)) <= 80
    heading = next(number for number, line in enumerate(lines) if line.startswith("image "))
    assert len(lines) - heading <= 120
    assert sum(line.lstrip().startswith("results  ━") for line in lines) > 1


MODULES = ["argparse", "infra.local.demo.cli", "rich.console", "PIL.Image", "google.cloud.pubsub_v1"]


def _grouped(argv: list[str], module: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(HOOKS), "INTERRUPT_AT_IMPORT": module}
    return subprocess.run(
        argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, start_new_session=True, check=False
    )


@pytest.mark.parametrize("module", MODULES)
def test_ctrl_c_while_it_imports_ends_it_without_a_traceback(tmp_path: Path, module: str) -> None:
    ended = _grouped([sys.executable, "-m", "infra.local", "demo", "--state", str(tmp_path)], module)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_ctrl_c_under_make_shows_no_traceback_either(tmp_path: Path) -> None:
    stamp = ["-o", ".venv/.local-installed"]  # whatever its age: a test installs nothing

    ended = _grouped(["make", *stamp, f"PY={sys.executable}", "demo", f"STATE={tmp_path}"], "infra.local.demo.cli")

    assert ended.returncode in {-signal.SIGINT, 130, 2}
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Took" not in ended.stdout
