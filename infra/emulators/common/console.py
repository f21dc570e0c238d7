"""Write whole lines: `print` writes a text and its end apart, so that lines of several threads run into one another."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def write_line(text: str, stream: TextIO | None = None) -> None:
    """Write `text` and its end at once to `stream` (stdout), and flush."""
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()
