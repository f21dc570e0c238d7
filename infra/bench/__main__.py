"""`python -m infra.bench [--full] [--only NAME …]`: JSON on stdout, a table on stderr; 1 if a target is missed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.bench import judge, machine, measure, report
from infra.bench.registry import BENCHMARKS
from infra.local.process import without_proxy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.bench.model import Benchmark, Mode, Outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks."""
    chosen = _parser().parse_args(arguments)
    os.environ.update(without_proxy(os.environ))
    mode: Mode = "full" if chosen.full else "quick"
    measured_on = machine.facts()
    with tempfile.TemporaryDirectory(prefix="uplook-bench-") as folder:
        outcomes = _outcomes(Path(folder), mode, chosen.only)
    _say(f"\n{report.table(outcomes)}")
    print(json.dumps(report.document(outcomes, measured_on, mode), indent=2))
    return 0 if report.all_met(outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--quick", action="store_true", help="about three minutes (the default)")
    modes.add_argument("--full", action="store_true", help="more runs, and the guides' code on all masks")
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these benchmarks")
    return parser


def _outcomes(folder: Path, mode: Mode, names: Sequence[str]) -> list[Outcome]:
    _say("making the inputs")
    measure.run_python(folder, "-m", "infra.bench.making", str(folder))
    wanted = [benchmark for benchmark in BENCHMARKS if benchmark.name in names]
    return [
        judge.outcome(benchmark, measure.samples(benchmark, mode=mode, folder=folder, progress=_say))
        for benchmark in wanted
        if _can_run(benchmark)
    ]


def _can_run(benchmark: Benchmark) -> bool:
    if benchmark.system not in {None, platform.system()}:
        _say(f"{benchmark.name} is left out: expected {benchmark.system}, found {platform.system()}")
        return False
    if not benchmark.needs or any(map(shutil.which, benchmark.needs)):
        return True
    _say(f"{benchmark.name} is left out: expected one of {', '.join(benchmark.needs)}, found none")
    return False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
