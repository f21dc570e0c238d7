"""`release`: publish held events again, now instead of at their hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.command_line import DONE
from shared.operate import deployment
from shared.operate.tables import table
from shared.pipeline.upkeep.unpark import unpark

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="whatever is held, as far as today's ceiling has room")
    which.add_argument(
        "--until", metavar="HOUR", help="the same for what is held until this hour, such as 2026-11-22T08"
    )
    parser.epilog = (
        "Without an option: what is due and should have been released by the scheduler's tick. At most as many events"
        " are released as today's ceiling has room for, the oldest uploads first: raise MAX_CALLS_PER_DAY or"
        " MAX_USD_PER_DAY for more. Where the deployment had to be mended, one event of each cause goes ahead as a"
        " probe. Run the command again when its result is there: then the others follow."
    )


def run(args: argparse.Namespace) -> int:
    """Release, and say what was released, and why anything is still held."""
    early = bool(args.all or args.until)
    rows = [
        [_REASON if each.cause is None else f"a mend ({each.cause})", str(each.waiting), str(each.released), each.note]
        for each in unpark(deployment.ports(), early=early, until=args.until)
    ]
    told = table(["waited for", "events", "released", "why not all"], rows) if rows else _NOTHING
    print(told)  # noqa: T201 - a command
    return DONE


_REASON = "a day with room"
_NOTHING = "Nothing is held that could be released now."
