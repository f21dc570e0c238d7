"""`release`: publish held events again, now instead of at their hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.command_line import DONE
from shared.operate import deployment
from shared.operate.tables import table
from shared.pipeline.upkeep.unpark import parked_hours, unpark

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="whatever is held, whenever it would be released")
    which.add_argument("--until", metavar="HOUR", help="what is held until this hour, such as 2026-11-22T08")
    parser.epilog = (
        "Without an option: what is due and should have been released by the scheduler's tick. Where today's ceiling is"
        " still reached, a worker holds the events again: raise MAX_CALLS_PER_DAY or MAX_USD_PER_DAY first."
    )


def run(args: argparse.Namespace) -> int:
    """Release, and say what was released and what is still held."""
    ports = deployment.ports()
    now_iso, rows = ports.clock.now_iso(), []
    for until in parked_hours(ports):
        wanted = args.all or args.until == until or (args.until is None and until <= now_iso)
        rows.append([until, str(unpark(until, ports)) if wanted else "still held"])
    print(table(["held until (UTC)", "released"], rows) if rows else "Nothing is held.")  # noqa: T201 - a command
    return DONE
