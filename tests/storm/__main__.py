"""`python -m tests.storm`: the storm at full size; exit code 1 where anything was lost, written twice or paid twice."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.storm import verdict
from tests.storm.plan import Storm
from tests.storm.run import Outcome, play

_SHOWN = 20


def main() -> int:
    """Play one storm and tell how it ended."""
    args = _parser().parse_args()
    storm = Storm(images=args.images, copies=args.copies, seed=args.seed, kills=args.kills)
    begun_s = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun_s:6.0f} s  {text}\n")
        sys.stderr.flush()

    with tempfile.TemporaryDirectory(prefix="uplook-storm-") as folder:
        outcome = play(storm, Path(folder), say=say)
    sys.stdout.write(f"{summary(storm, outcome)}\n")
    return 1 if outcome.violations else 0


def summary(storm: Storm, outcome: Outcome) -> str:
    """Return what happened, for people."""
    found, account = outcome.evidence, verdict.account(outcome.evidence)
    died_asking = sum(attempt.died_asking for attempt in found.attempts)
    explained = (
        f"{account.lost} lost on purpose + {account.died} died with their worker + "
        f"{account.late} late + {account.unexplained} unexplained"
    )
    lines = [
        f"seed {storm.seed}: {storm.images} images, {len(found.wanted)} results, {storm.copies} copies of each event",
        f"quiet after {outcome.seconds:.0f} s, {found.kills} kills, {died_asking} attempts killed while they asked",
        f"{account.answered} answers = {account.needed} needed + {explained}",
        *(f"{name}: {json.dumps(value)}" for name, value in found.notes.items()),
        *outcome.violations[:_SHOWN],
        f"{len(outcome.violations) or 'no'} violation{'' if len(outcome.violations) == 1 else 's'}",
    ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    full = asdict(Storm())
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    for name, text in (
        ("images", "how many different images"),
        ("copies", "how often each event is delivered"),
        ("seed", "what everything random is drawn from"),
        ("kills", "how many workers are killed, at most"),
    ):
        parser.add_argument(f"--{name}", type=int, default=full[name], help=f"{text} (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
