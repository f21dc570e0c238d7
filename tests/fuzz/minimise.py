"""Makes the committed corpus anew: `python -m tests.fuzz.minimise`, after a long run.

libFuzzer keeps the smallest set of inputs that still reaches everything; of that, the smallest files fill the
target's share of the budget. Inputs named `regression-…` were put there by hand, for one bug each, and stay.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import COMMITTED, REPOSITORY, WORK, engine_command
from tests.fuzz.seeds import write_seeds

MAX_BYTES = {"replies": 80_000, "masks": 40_000, "envelopes": 60_000, "images": 110_000}
"""Of all files of one target together: the repository is cloned more often than it is fuzzed."""

_MAX_FILE = 4_096


def main() -> None:
    """Minimise every target that has something to minimise."""
    for target in MAX_BYTES:
        with tempfile.TemporaryDirectory() as folder:
            _minimise(target, Path(folder))
        files = list((COMMITTED / target).iterdir())
        sys.stdout.write(f"{target}: {len(files)} files, {sum(path.stat().st_size for path in files):,} bytes\n")


def _minimise(target: str, scratch: Path) -> None:
    merged, seeds, committed = scratch / "merged", scratch / "seeds", COMMITTED / target
    write_seeds(target, seeds)
    for folder in (merged, committed, WORK / "corpus" / target):
        folder.mkdir(parents=True, exist_ok=True)
    sources = (WORK / "corpus" / target, committed, seeds)
    command = engine_command(target, "-set_cover_merge=1", f"-max_len={_MAX_FILE}", merged, *sources)
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for path in _generated(committed):
        path.unlink()
    for path in _within_budget(merged, MAX_BYTES[target] - _size(committed)):
        shutil.copyfile(path, committed / path.name)


def _generated(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith("regression-")]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _within_budget(folder: Path, budget: int) -> list[Path]:
    """Return files from the smallest up, as long as they fit."""
    kept = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.stat().st_size, path.name)):
        budget -= path.stat().st_size
        if budget < 0:
            break
        kept.append(path)
    return kept


if __name__ == "__main__":
    main()
