"""Load the local stack, simulate the same, and hold one against the other: `make load`.

python -m infra.load --rate 2 --seconds 60 --burst 5
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.load import usage
from infra.load.plan import Plan
from infra.local.process import without_proxy
from shared.command_line import escape_what_cannot_be_shown

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Return 0 where the simulation agrees with the run, 1 where it does not, 2 where nothing can be measured."""
    default = Plan()
    parser = argparse.ArgumentParser(prog="python -m infra.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("--rate", type=float, default=default.rate, help="uploads a second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=default.seconds, help="for so long (default: %(default)s)")
    parser.add_argument("--burst", type=int, default=default.burst, help="uploads at once (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="decides when they come (default: %(default)s)")
    parser.add_argument(
        "--model-s",
        type=float,
        default=default.model_s,
        help="how long the model takes, on average (default: %(default)s)",
    )
    parser.add_argument(
        "--calibrate", type=int, default=default.calibrate, help="uploads to learn from first (default: %(default)s)"
    )
    parser.add_argument("--search", action="store_true", help="raise the rate by half until the backlog grows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    args = parser.parse_args(argv)
    os.environ.update(without_proxy(os.environ))
    if not usage.available():
        print("A load is measured by Linux's /proc, which is not here.", file=sys.stderr)
        return 2
    from infra.load.play import play, search

    plan = Plan(args.rate, args.seconds, args.burst, args.seed, args.model_s, args.calibrate)
    with tempfile.TemporaryDirectory(prefix="uplook-load-") as folder:
        do = search if args.search else play
        played = do(plan, Path(folder), os.environ, say=lambda text: print(text, flush=True))
    print(played.text)
    if args.json:
        args.json.write_text(json.dumps(played.document, indent=1) + "\n", encoding="utf-8")
    return 0 if played.agree else 1


if __name__ == "__main__":
    escape_what_cannot_be_shown()
    sys.exit(main(sys.argv[1:]))
