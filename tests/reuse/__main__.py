"""`python -m tests.reuse`: 1,000 uploads of 100 contents; exit code 1 where one was paid for twice or any is left."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict

from tests.reuse.crowd import Crowd, play, problems


def main() -> int:
    """Play a crowd and tell how it ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.reuse", description=__doc__)
    parser.add_argument("--contents", type=int, default=100, help="how many pictures (default: %(default)s)")
    parser.add_argument("--names", type=int, default=10, help="how many uploads of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what the order is drawn from (default: %(default)s)")
    args = parser.parse_args()
    crowd, begun_s = Crowd(args.contents, args.names, args.seed), time.monotonic()
    found = play(crowd)
    wrong = problems(crowd, found)
    uploads, took_s = crowd.contents * crowd.names, time.monotonic() - begun_s
    lines = [
        f"{uploads:,} uploads of {crowd.contents:,} contents, seed {crowd.seed}: {took_s:.0f} s",
        *(f"{name}: {len(value) if name == 'left' else value}" for name, value in asdict(found).items()),
        *(wrong or ["every content was paid for once, and nothing is left"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
