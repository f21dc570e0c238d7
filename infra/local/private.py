"""What the stack writes to disk is for its owner alone: results, logs and copies of photographs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from infra.local import activity, gate

_FOLDER, _OTHERS = 0o700, 0o077
OWN_NAMES = (
    "stack.env",
    "stack.json",
    "stack.log",
    "rules.toml",
    "pycache",
    "samples",
    "answers",
    "results",
    "results.txt",
    "overview*.jpg",
    activity.FILE,
    gate.FILE,
)
"""Everything that `up` and `demo` put into their state folder, as glob patterns."""


def write_privately() -> None:
    """See that nobody else can read what this process and its children write from now on."""
    os.umask(_OTHERS)


def keep_private(state_dir: Path) -> None:
    """Make the state folder, and close it to others, with whatever an earlier version left readable in it.

    A folder that was there before and holds nothing of ours keeps its rights, and foreign files do so anywhere.
    """
    ours = not state_dir.exists() or any(next(state_dir.glob(name), None) for name in OWN_NAMES)
    state_dir.mkdir(_FOLDER, parents=True, exist_ok=True)
    if ours:
        _close(state_dir)
    for top in (found for name in OWN_NAMES for found in state_dir.glob(name)):
        _close(top)
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                _close(Path(folder, name))


def _close(path: Path) -> None:
    mode = path.lstat().st_mode
    if not stat.S_ISLNK(mode) and mode & _OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
