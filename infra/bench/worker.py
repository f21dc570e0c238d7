"""`python -m infra.bench.worker RUN ARGUMENT FOLDER`: one measurement in a fresh process, as JSON on the last line."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.bench import rss

if TYPE_CHECKING:
    from infra.bench.model import Work


def main(run: str, argument: str, folder: str) -> None:
    """Get ready, time the work, and report both with the process's peak memory before and after."""
    work = _ready(run, argument, Path(folder))
    base_rss_mb = rss.peak_mb()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    facts = work()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    measured = {"wall_s": wall_s, "cpu_s": cpu_s, "base_rss_mb": base_rss_mb, "peak_rss_mb": rss.peak_mb()}
    print(json.dumps({**measured, "facts": dict(facts)}))


def _ready(run: str, argument: str, folder: Path) -> Work:
    module, _, function = run.partition(":")
    work: Work = getattr(importlib.import_module(module), function)(folder, argument)
    return work


if __name__ == "__main__":
    main(*sys.argv[1:])
