"""How far a command is, on stderr while it works: stdout belongs to its result.

A terminal sees one line that is written over, as wide as it is; anything else, a file or a log, gets a line every few
seconds. What takes less than half a second shows nothing at all.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_S: Final = 0.5
"""Who waits longer than this wants to know that something happens."""
_TERMINAL_S: Final = 0.2
_LINES_S: Final = 5.0
_CLEAR: Final = "\r\x1b[K"
_NARROW: Final = 80


class Progress:
    """Shows `text()` until it is closed; a thread does it, so whatever the command waits for may take its time.

    Open it first of all: what a command imports and lists takes time, too. `text` is called from that thread, and
    returns one line without an end; the seconds since the beginning are put behind it.
    """

    def __init__(self, text: Callable[[], str], stream: TextIO) -> None:
        self._text = text
        self._stream = stream
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._shown = False
        self._begun_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away again; what was written in lines stays."""
        self._closed.set()
        self._thread.join()
        with self._lock:
            self._clear()
            self._stream.flush()

    def say(self, line: str) -> None:
        """Write a line that stays, above the one that shows progress; from any thread."""
        with self._lock:
            self._clear()
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def _run(self) -> None:
        pause_s = _TERMINAL_S if self._stream.isatty() else _LINES_S
        wait_s = FIRST_S
        while not self._closed.wait(wait_s):
            wait_s = pause_s
            with self._lock:
                self._show(f"{self._text()}, {time.monotonic() - self._begun_s:.0f} s")

    def _show(self, line: str) -> None:
        if self._stream.isatty():
            self._clear()
            self._stream.write(line[: _width(self._stream) - 1])  # a full line would wrap, and stay
            self._shown = True
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._shown:
            self._stream.write(_CLEAR)
            self._shown = False


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _NARROW
    except OSError:  # it has no number, or is no terminal after all
        return _NARROW
