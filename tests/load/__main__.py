"""The deployed system at some rates, simulated: instances, quota, ceiling, backlog, dollars.

python -m tests.load --rate 1 100 10000    # prints what each way of deploying does
python -m tests.load --write               # simulates all of docs/load.md, and writes the page
python -m tests.load --measured FILE       # first takes the times of `make load JSON=FILE`
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.load import deployed, figures, page

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Simulate, and print or write."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("--rate", type=float, nargs="+", default=figures.RATES, help="uploads a second")
    parser.add_argument("--write", action="store_true", help="write simulated.json and docs/load.md")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="what `make load JSON=FILE` wrote: its times")
    args = parser.parse_args(argv)
    if args.measured:
        deployed.keep_measured(json.loads(args.measured.read_text(encoding="utf-8")))
    found = figures.take(figures.RATES if args.write else args.rate, say=_say)
    if args.write:
        figures.write(found)
        page.write()
    else:
        sys.stdout.write(page.simulated(found))
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
