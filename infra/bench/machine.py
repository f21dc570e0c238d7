"""What the numbers were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

_CPU_INFO: Final = Path("/proc/cpuinfo")
_ROOT: Final = Path(__file__).resolve().parents[2]
_MEASURED: Final = ("main.py", "functions", "shared", "infra")
_PACKAGES = (
    "functions-framework",
    "google-cloud-pubsub",
    "google-cloud-storage",
    "google-genai",
    "numpy",
    "pillow",
)


def facts() -> dict[str, object]:
    """Return day, commit, processor, cores, load, Python and the versions that matter."""
    return {
        "day": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _commit() -> str:
    """Return the commit that lies here, and whether what is measured was changed since; `unknown` without git."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_MEASURED)
        return _git("rev-parse", "--short", "HEAD") + (" and changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    ended = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    return ended.stdout.strip()


def _processor() -> str:
    """Return what the processor calls itself."""
    told = _CPU_INFO.read_text(encoding="utf-8") if _CPU_INFO.exists() else ""
    named = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    return named[1] if named else platform.machine()
