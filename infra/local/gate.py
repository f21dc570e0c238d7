"""A gate before the functions of a local stack: once it is closed no delivery begins, and those that have end as ever.

Whoever is at work holds a shared lock on one file, which the system lets go of when a process dies. What is written in
the file says that the gate is closed. So a delivery that was let in is always seen by whoever has closed it, however
slow the machine is.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

FILE_VARIABLE: Final = "UPLOOK_GATE"
FILE: Final = "gate"
_CLOSED: Final = b"closed\n"


def open_for_all(path: Path) -> None:
    """Let deliveries in; whatever another stack has left there is forgotten."""
    path.write_bytes(b"")


def enter(path: Path) -> BinaryIO | None:
    """Return what to close when a delivery has ended, or None if it may not begin."""
    file = path.open("rb")
    fcntl.flock(file, fcntl.LOCK_SH)
    if file.read() == _CLOSED:
        file.close()
        return None
    return file


def close(path: Path) -> None:
    """Let no further delivery in."""
    path.write_bytes(_CLOSED)


def all_have_left(path: Path) -> bool:
    """Whether no delivery is under way."""
    with path.open("rb") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
