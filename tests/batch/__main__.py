"""`python -m tests.batch`: 10,000 images by batch jobs of each back end; exit code 1 if any is lost or paid twice."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.batch.run import Play, play


def main() -> int:
    """Play on each back end and tell how it ended."""
    parser, full = argparse.ArgumentParser(prog="python -m tests.batch", description=__doc__), Play()
    parser.add_argument("--images", type=int, default=full.images, help="how many (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=full.lines, help="most lines of a job (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=full.kills, help="ticks that are killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=full.seed, help="what chance is drawn from (default: %(default)s)")
    parser.add_argument("--backend", choices=("developer", "vertex"), action="append", help="(default: both)")
    args = parser.parse_args()
    wrong = 0
    for backend in args.backend or ("developer", "vertex"):
        wanted = Play(images=args.images, backend=backend, lines=args.lines, kills=args.kills, seed=args.seed)
        with tempfile.TemporaryDirectory() as folder:
            outcome = play(wanted, Path(folder), say=_say)
        told = {each.name: getattr(outcome, each.name) for each in fields(outcome) if each.name not in {"left", "said"}}
        _say(f"{backend}: " + ", ".join(f"{name} {_shown(value)}" for name, value in told.items()))
        _say("\n".join(outcome.violations or ["every image has its result, and was paid for once"]))
        wrong += bool(outcome.violations)
    return 1 if wrong else 0


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
