"""When a command of the stack is to end: on a signal, or when the terminal that shows it is closed."""

from __future__ import annotations

import os
import signal
import threading

_STDIN = 0
_POLL_S = 0.5


def interrupt_on_signals(ended: threading.Event) -> None:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a KeyboardInterrupt; `ended` is set then, and the rest ignored."""

    def interrupt(*_: object) -> None:
        if not ended.is_set():
            ended.set()
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def raise_if(ended: threading.Event) -> None:
    """Raise the KeyboardInterrupt that was raised before, if nobody has seen it.

    A signal can come while a callback of an extension runs, such as gRPC's: whatever is raised there is printed, and
    gone. So who waits asks, too.
    """
    if ended.is_set():
        raise KeyboardInterrupt


def interrupt_without_terminal(ended: threading.Event) -> None:
    """Watch the terminal on stdin, if there is one; its end is a SIGHUP to this process.

    The kernel tells only the leader of the terminal's session, and make (`xterm -e make up`) passes nothing on.
    """
    if os.isatty(_STDIN):
        threading.Thread(target=_watch, args=(ended,), name="terminal", daemon=True).start()


def _watch(ended: threading.Event) -> None:
    while not ended.wait(_POLL_S):
        if not os.isatty(_STDIN):
            os.kill(os.getpid(), signal.SIGHUP)
            return
