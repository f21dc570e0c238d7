"""`release`: publish held events again, now instead of at their hour."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import shutil
import sys
import textwrap
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.command_line import DONE, INCOMPLETE
from shared.core.errors import TransientError
from shared.core.operating.mending import wait_of
from shared.core.operating.problems import counted
from shared.operate import deployment
from shared.operate.sending import ByHand
from shared.operate.status_reading import read_held
from shared.operate.tables import printable, table
from shared.pipeline.upkeep.unpark import AHEAD, NOT_MENDED, UNDER_WAY, unpark
from shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.operating.summary import HeldGroup
    from shared.pipeline.upkeep.unpark import Released

_POLL_S = 2.0
_STILL = "the probe has met the same again: not mended yet"
_HOUR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="whatever is held, as far as today's ceiling has room")
    which.add_argument(
        "--until", type=_hour, metavar="HOUR", help="the same for what is held until this hour, such as 2026-11-22T08"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only say what would be released")
    how.add_argument("--wait", action="store_true", help="wait for the probes, and release what follows them")
    parser.epilog = (
        "Without an option: what is due and should have been released by the scheduler's tick. At most as many events"
        " are released as today's ceiling has room for, the oldest uploads first: raise MAX_CALLS_PER_DAY or"
        " MAX_USD_PER_DAY for more. Where the deployment had to be mended, one event of each cause goes ahead as a"
        " probe. Run the command again when its result is there, or have it --wait: then the others follow. With --all"
        " and --until, instances that believe that the day's ceiling or quota is used up ask again. Exit code 3 says"
        " that events stayed, and the table says why."
    )


def run(args: argparse.Namespace) -> int:
    """Release, and say what was released, and why anything is still held."""
    early = bool(args.all or args.until)
    sending: ByHand | None = None

    def sent() -> str:
        count = sending.sent if sending else 0
        return f"{counted(count, 'event')} {'is' if count == 1 else 'are'} released"

    try:
        with Progress(sent, sys.stderr):  # before the clients are imported, which takes time, too
            ports = deployment.ports()
            sending = ByHand(ports.publisher, release=ports.new_id() if early else None)
            held = read_held(ports)
            ours = replace(ports, publisher=sending)
            released = unpark(ours, early=early, until=args.until, dry_run=args.dry_run)
            while args.wait and any(map(_is_probed, released)):
                time.sleep(_POLL_S)
                released = _summed(released, unpark(ours, early=early, until=args.until))
    except (KeyboardInterrupt, TransientError):
        sys.stderr.write(f"It ended early: {sent()}. What is still held stays so until you run the command again.\n")
        raise
    sys.stdout.write(_told(released, held, until=args.until, dry_run=args.dry_run))
    left = any(each.released < each.waiting for each in released)
    return INCOMPLETE if left and not args.dry_run else DONE


def _is_probed(each: Released) -> bool:
    """Whether a probe is under way that others wait for."""
    return each.released < each.waiting and each.note in (AHEAD, UNDER_WAY, NOT_MENDED)


def _summed(before: Sequence[Released], now: Sequence[Released]) -> Sequence[Released]:
    """Return what was released of each cause so far; one that is not told of any more has nothing left to release."""
    latest = {(each.cause, each.budget): each for each in now}
    return [_sum(each, latest.get((each.cause, each.budget))) for each in before]


def _sum(before: Released, now: Released | None) -> Released:
    if now is None:  # somebody else has released the rest
        return replace(before, waiting=before.released, note="")
    note = _STILL if now.note == NOT_MENDED else now.note
    return replace(before, released=before.released + now.released, note=note)


def _told(released: Sequence[Released], held: Sequence[HeldGroup], *, until: str | None, dry_run: bool) -> str:
    if not released:
        return _nothing(held, until)
    verb = "would be released" if dry_run else "released"
    rows = [[_label(each.cause, each.budget), str(each.waiting), str(each.released), each.note] for each in released]
    lines = [table(["waited for", "events", verb, "why not all"], rows), ""]
    width = max(80, shutil.get_terminal_size().columns)
    reasons = {(each.cause, each.budget) for each in released}
    places = (each for each in held if until in (None, each.place.hour))
    told = (each for each in places if (each.place.cause, each.place.budget) in reasons)
    lines += [_reason(each, width) for each in told]
    return "\n".join(lines) + "\n"


def _nothing(held: Sequence[HeldGroup], until: str | None) -> str:
    if not held:
        return "Nothing is held.\n"
    hours = sorted({each.place.hour for each in held})
    what = f"until {until}" if until else "that could be released now"
    return f"Nothing is held {what}. Events are held until {', '.join(hours)} (UTC); --all releases them now.\n"


def _label(cause: str | None, budget: str | None) -> str:
    if cause is not None:
        return f"a mend ({cause})"
    return "a day with room" if budget is None else f"room in a budget ({budget})"


def _reason(group: HeldGroup, width: int) -> str:
    why = wait_of(group.code).why
    said = f": {group.reasons[0].text} ({group.reasons[0].example})" if group.reasons else ""
    tasks = ", ".join(f"{count:,} {task}" for task, count in sorted(group.tasks.items()))
    label = _label(group.place.cause, group.place.budget)
    text = f"{label}, until {group.until}: {tasks}, because {why} [{group.code}]{said}"
    return textwrap.fill(printable(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _hour(text: str) -> str:
    """Read an hour (UTC).

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        fine = _HOUR.fullmatch(text) is not None and dt.datetime.fromisoformat(f"{text}:00:00") is not None
    except ValueError:
        fine = False
    if not fine:
        raise argparse.ArgumentTypeError(f"expected an hour (UTC) such as 2026-11-22T08, found {text!r}")
    return text
