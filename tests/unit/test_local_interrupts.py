"""A command ends with the terminal that shows it, though its session's leader passes no signal on."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from infra.local.process import ROOT
from tests.waiting import WAIT_S

_COMMAND = """
import threading
from infra.local import interrupts

ended = threading.Event()
interrupts.interrupt_on_signals(ended)
interrupts.interrupt_without_terminal(ended)
print("ready", flush=True)
try:
    threading.Event().wait()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_closed_terminal_ends_a_command_that_no_signal_reaches() -> None:
    shown, terminal = pty.openpty()
    argv = [sys.executable, "-c", _COMMAND]
    # No controlling terminal: nothing but the watch can notice.
    child = subprocess.Popen(argv, cwd=ROOT, stdin=terminal, stdout=subprocess.PIPE, text=True, start_new_session=True)
    os.close(terminal)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"

    os.close(shown)

    said, _ = child.communicate(timeout=WAIT_S)
    assert (said, child.returncode) == ("interrupted\n", 0)
