"""The peak memory of this process."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_HIGH_WATER_MARK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, see getrusage(2)


def peak_mb() -> float:
    """Return the most memory that was resident, in MB of 10^6 bytes.

    Linux hands the `ru_maxrss` of a parent down to the processes it starts; the mark in /proc is this one's alone.
    """
    mark = _HIGH_WATER_MARK.search(_STATUS.read_text(encoding="ascii")) if _STATUS.exists() else None
    if mark:
        return int(mark[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES / 1e6
