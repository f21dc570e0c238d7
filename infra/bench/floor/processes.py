"""What the processes of a group have used, as Linux counts it in /proc."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
_HIGH_WATER_MARK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_GROUP = 2
"""Field of /proc/PID/stat behind the name, see proc_pid_stat(5)."""
_TO_RESIDENT = "5"
"""Written to clear_refs, it brings the mark of the peak down to what is resident now."""


def cpu_s(group: int) -> float:
    """Return the seconds of processor time, user and system, of all living members together."""
    return sum(map(_cpu_s, _members(group)))


def peak_mb(group: int) -> float:
    """Return the most memory that was resident in the largest member, in MB of 10^6 bytes."""
    marks = [_HIGH_WATER_MARK.search(_text(each, "status")) for each in _members(group)]
    return max(int(mark[1]) for mark in marks if mark) * 1024 / 1e6


def forget_peak(group: int) -> None:
    """Have the peak counted anew, from what is resident now."""
    for each in _members(group):
        (PROC / str(each) / "clear_refs").write_text(_TO_RESIDENT, encoding="ascii")


def _cpu_s(process: int) -> float:
    """Read the clock of a process: /proc counts in hundredths of a second, it in nanoseconds.

    glibc's `clock_getcpuclockid`, which Python does not have, makes its number in this way.
    """
    return time.clock_gettime(~process << 3 | 2)


def _members(group: int) -> Iterator[int]:
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            fields = _text(int(folder.name), "stat").rpartition(")")[2].split()
            if fields and int(fields[_GROUP]) == group:
                yield int(folder.name)


def _text(process: int, name: str) -> str:
    """Return one file of a process; nothing where it has ended."""
    with contextlib.suppress(OSError):
        return (PROC / str(process) / name).read_text(encoding="utf-8", errors="replace")
    return ""
