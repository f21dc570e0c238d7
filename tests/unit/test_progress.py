"""What a person sees while a command works."""

from __future__ import annotations

import os
import pty
from io import StringIO

import pytest

from shared import progress
from shared.progress import Progress
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_S", "_TERMINAL_S", "_LINES_S"):
        monkeypatch.setattr(progress, name, 0.01)


class Terminal(StringIO):
    """A terminal of unknown width."""

    def isatty(self) -> bool:
        return True


def _written(stream: StringIO, text: str) -> None:
    wait_until(lambda: text in stream.getvalue(), text, seen=stream.getvalue)


def test_a_log_gets_lines_of_their_own() -> None:
    stream = StringIO()
    with Progress(lambda: "7 results read", stream):
        _written(stream, "\n7 results read")

    assert all(line.startswith("7 results read, 0 s") for line in stream.getvalue().splitlines())


def test_a_terminal_sees_one_line_that_is_gone_at_the_end() -> None:
    stream = Terminal()
    with Progress(lambda: "7 results read", stream) as shown:
        _written(stream, "7 results read, 0 s")
        shown.say("left out: a.json")
        _written(stream, "left out: a.json\n7 results read")

    assert "\r\x1b[Kleft out: a.json\n" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")
    assert stream.getvalue().count("\n") == 1


def test_a_line_is_no_wider_than_the_terminal() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        _resize(follower, columns=20)
        with Progress(lambda: "x" * 300, stream):
            seen = os.read(leader, 100).decode()
    os.close(leader)

    first = next(line for line in seen.split("\r\x1b[K") if line)  # on a slow machine there are more by then
    assert first == "x" * 19


def test_what_takes_no_time_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 60)
    stream = Terminal()
    with Progress(lambda: "never", stream):
        pass
    assert stream.getvalue() == ""


def _resize(terminal: int, *, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
