"""`python -m infra.bench.against COMMIT`: a function's cold start, now and at an earlier commit, turn by turn.

Both run on the packages that are installed here, against the same emulators. What is measured is what `starts` of
`make bench` measures: from the start of the process until the first event asks the model. JSON on stdout: the least
processor and wall-clock milliseconds of each, and the median of the ratios of neighbouring turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from infra.bench import making
from infra.bench.floor.stage import Stage
from infra.local.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.bench.model import Sample

_SHIPS = ("main.py", "functions", "shared")
_NOW = "."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.against", description=__doc__.partition("\n")[0])
    parser.add_argument("before", metavar="COMMIT", help="the earlier commit")
    parser.add_argument("--now", default=_NOW, metavar="COMMIT", help="the later one (default: what lies here)")
    parser.add_argument("--function", default="caption", help="which entry point (default: caption)")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="turns that are counted (default: 7)")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="uplook-bench-") as name:
        folder = Path(name)
        making.make_small(folder)
        roots = {"before": _checked_out(args.before, folder / "before")}
        roots["now"] = ROOT if args.now == _NOW else _checked_out(args.now, folder / "now")
        taken: dict[str, list[Sample]] = {side: [] for side in roots}
        with Stage(folder) as stage:
            for turn in range(args.runs + 1):
                for side, root in roots.items():
                    sample = stage.start("ours", args.function, root=root)
                    if turn:  # the first one compiles what it imports
                        taken[side].append(sample)
                        _say(f"{side} {turn}/{args.runs}: {sample.cpu_ms:.0f} ms of CPU")
    print(json.dumps({"before": args.before, "now": args.now, "function": args.function, **_compared(taken)}, indent=2))
    return 0


def _compared(taken: dict[str, list[Sample]]) -> dict[str, Any]:
    pairs = zip(taken["now"], taken["before"], strict=True)
    ratios = sorted(now.cpu_ms / before.cpu_ms for now, before in pairs)
    least = {side: round(min(sample.cpu_ms for sample in samples)) for side, samples in taken.items()}
    return {
        "least_cpu_ms": least,
        "least_wall_ms": {side: round(min(sample.wall_ms for sample in samples)) for side, samples in taken.items()},
        "least_cpu_ratio": round(least["now"] / least["before"], 3),
        "median_cpu_ratio": round(median(ratios), 3),
        "cpu_ratios": [round(ratio, 3) for ratio in ratios],
    }


def _checked_out(commit: str, folder: Path) -> Path:
    """Unpack what is deployed of a commit."""
    folder.mkdir()
    packed = subprocess.run(["git", "archive", commit, *_SHIPS], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    subprocess.run(["tar", "x", "-C", str(folder)], input=packed.stdout, check=True)  # noqa: S607
    return folder


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
