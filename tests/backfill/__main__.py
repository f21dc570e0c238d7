"""`python -m tests.backfill`: a backfill at full size; exit code 1 where anything was left out, or paid for twice."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.backfill.run import Play, play

if TYPE_CHECKING:
    from tests.backfill.run import Outcome


def main() -> int:
    """Play one backfill and tell how it ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.backfill", description=__doc__)
    full = Play()
    parser.add_argument("--objects", type=int, default=full.objects, help="how many (default: %(default)s)")
    parser.add_argument("--tasks", default=",".join(full.tasks), help="which of them each gets (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=full.kills, help="by SIGKILL (default: %(default)s)")
    args = parser.parse_args()
    begun_s = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begun_s:6.0f} s  {text}\n")
        sys.stderr.flush()

    wanted = Play(objects=args.objects, tasks=tuple(args.tasks.split(",")), kills=args.kills)
    with tempfile.TemporaryDirectory(prefix="uplook-backfill-") as folder:
        outcome = play(wanted, Path(folder), say=say)
    sys.stdout.write(summary(outcome) + "\n")
    return 1 if outcome.violations else 0


def summary(outcome: Outcome) -> str:
    """Return what happened, for people."""
    learned = outcome.estimated_usd / outcome.cost_usd if outcome.cost_usd else float("nan")
    dry_s, bare_s, busy_s, usual_s = map(
        statistics.median, (outcome.dry_s, outcome.bare_s, outcome.busy_s, outcome.usual_s)
    )
    many = len(outcome.violations)
    lines = [
        f"{outcome.wanted} wanted: {outcome.results} results, {outcome.failures} failures, {outcome.calls} calls",
        f"{outcome.kills} kills, {outcome.seconds:.0f} s",
        f"cost {outcome.cost_usd:.4f} dollars, estimated {outcome.estimated_usd:.4f} ({learned:.2f} times)",
        f"by rules of thumb, before there was any result: {outcome.guessed_usd:.4f} dollars for all of it",
        f"dry run {dry_s:.2f} s, bare listing {bare_s:.2f} s: {outcome.dry_ratio:.2f} times",
        f"live upload {busy_s:.2f} s beside it, usually {usual_s:.2f} s: {outcome.live_ratio:.2f} times",
        *outcome.violations,
        f"{many or 'no'} violation{'' if many == 1 else 's'}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
