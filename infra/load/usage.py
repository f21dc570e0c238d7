"""What processes use, from Linux's /proc: CPU and memory; and what others leave of the cores."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_MB: Final = 1e6
_SPIN: Final = """
import sys, time
began_s, cpu_s = time.monotonic(), time.process_time()
while time.monotonic() - began_s < float(sys.argv[1]):
    pass
print((time.process_time() - cpu_s) / (time.monotonic() - began_s))
"""
_GONE: Final = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process, or of several together: seconds of CPU since it began, and memory that is resident."""

    cpu_s: float = 0.0
    rss_mb: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(self.cpu_s + other.cpu_s, self.rss_mb + other.rss_mb)


def available() -> bool:
    """Whether this system tells what is read here."""
    return (_PROC / "self" / "stat").exists()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def share_of_a_core(*, seconds: float) -> float:
    """Return what part of a core each of some processes gets that compute all the time, one for each core.

    Each is in a session of its own, as the parts of the stack are: schedulers are fair to sessions.
    """
    probes = [
        subprocess.Popen(
            [sys.executable, "-c", _SPIN, str(seconds)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        for _ in range(cores())
    ]
    return statistics.mean(float(probe.communicate()[0]) for probe in probes)


def of_sessions(leaders: Mapping[str, int]) -> dict[str, Usage]:
    """Return what each session uses, named by its leader: all processes that a part of the stack has started."""
    names = {leader: name for name, leader in leaders.items()}
    found = dict.fromkeys(leaders, Usage())
    for fields in _processes():
        name = names.get(int(fields[3]))
        if name is not None:
            found[name] = found[name].plus(_usage(fields))
    return found


def of_self() -> Usage:
    """Return what this process uses, without its children."""
    return _usage(_fields((_PROC / "self" / "stat").read_text(encoding="utf-8", errors="replace")))


def _processes() -> Iterator[list[str]]:
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            with contextlib.suppress(*_GONE):  # it ended meanwhile
                yield _fields(Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace"))


def _fields(stat: str) -> list[str]:
    """Return the fields of proc_pid_stat(5) behind the command, which may hold anything."""
    return stat.rpartition(")")[2].split()


def _usage(fields: list[str]) -> Usage:
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Usage(cpu_s, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / _MB)
