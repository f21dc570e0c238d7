"""What people type as the value of an option, read as they mean it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

_DIGITS = re.compile("[0-9]{1,5}")
_PORTS = range(65536)


def path(text: str) -> Path:
    """Return a file or folder; `~` is a home folder, though no shell has seen it (`make demo 'IMAGES=~/x'`)."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # nobody's home: a name like any other
        return Path(text)


def port(text: str) -> int:
    """Return the number of a port.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not _DIGITS.fullmatch(text) or int(text) not in _PORTS:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {_PORTS[-1]}, found {text!r}")
    return int(text)


def add_gemini(parser: argparse.ArgumentParser) -> None:
    """Describe the options that lead to calls which cost money."""
    parser.add_argument(
        "--gemini", choices=["emulator", "real"], default="emulator", help="real: Gemini itself, which costs money"
    )
    parser.add_argument("--yes", action="store_true", help="agree to what --gemini real sends and costs")
