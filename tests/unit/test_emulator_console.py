"""Lines of several threads stay whole, because each is one write."""

from __future__ import annotations

import io
import subprocess
import sys

from infra.emulators.common.console import write_line


class Writes(io.StringIO):
    """A stream that keeps its writes apart, as threads see them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str, /) -> int:
        self.texts.append(text)
        return len(text)


def test_a_line_and_its_end_are_one_write() -> None:
    stream = Writes()
    write_line("one", stream)
    write_line("two", stream)
    assert stream.texts == ["one\n", "two\n"]


def test_a_line_goes_to_stdout_by_default_and_at_once() -> None:
    code = "import os; from infra.emulators.common.console import write_line; write_line('x'); os._exit(0)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"x\n"
