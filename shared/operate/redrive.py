"""`redrive`: publish the image events of failed results again, or handle kept storage events again."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from shared import bootstrap
from shared.command_line import DONE, INCOMPLETE, SCHEME, bucket_address, moment, task_name
from shared.consumer.choosing import chosen_in_order, tasks
from shared.core.errors import ErrorCode, SettingsError
from shared.core.operating.mending import failure_codes, is_worth_a_redrive
from shared.core.operating.problems import counted
from shared.core.operating.summary import reasons_of
from shared.core.planning.redrive import error_number
from shared.core.tasks.catalogue import TASKS
from shared.export.reading import BucketResults
from shared.operate import deployment
from shared.operate.sending import ByHand
from shared.operate.tables import printable, table
from shared.pipeline.upkeep import dead_letter
from shared.pipeline.upkeep.redrive import redrive_dead_letter, redrive_errors
from shared.progress import Progress

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from shared.export.reading import Listed
    from shared.pipeline.ports import Ports
    from shared.pipeline.upkeep.redrive import Redriven

MAX_LINES: Final = 40
"""Longer lists are summed up, unless each line is asked for."""

_EPILOG = """\
--worth takes the failures that the same request can mend: dead letters, and images or rights that were missing. Others
(a damaged file, a request that Gemini refuses) fail again in the same way: `status` says what mends those.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `redrive`."""
    parser.add_argument(
        "where",
        type=partial(bucket_address, form="gs://BUCKET[/FOLDER]"),
        metavar="WHERE",
        help="gs://RESULTS_BUCKET[/FOLDER] or gs://WORK_BUCKET/dead",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done, and why each has failed")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--code", type=_code, help="only failures of this error code, such as dead_letter")
    which.add_argument("--worth", action="store_true", help="only failures that a redrive can mend")
    parser.add_argument("--task", type=task_name, help="only this task's failures")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only failures since then, such as 2026-11-21")
    parser.add_argument("--each", action="store_true", help=f"a line for each, also of more than {MAX_LINES}")
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def run(args: argparse.Namespace) -> int:
    """Redrive what lies there, show it as a table, and return whether something was left."""
    told = _Told(dry_run=args.dry_run, each=args.each)
    sending: ByHand | None = None
    try:
        with Progress(told.progress, sys.stderr):  # before the clients are imported, which takes time, too
            ports = deployment.ports()
            sending = ByHand(ports.publisher, release=ports.new_id())
            for one in _redriven(args, replace(ports, publisher=sending), told):
                told.done.append(one)
    except SettingsError:
        raise
    except KeyboardInterrupt:
        told.tell()
        sent = counted(sending.sent if sending else 0, "event")
        sys.stderr.write(
            f"Interrupted: {sent} sent. Run the command again for the rest; what was sent would be a duplicate, and"
            " costs nothing.\n"
        )
        raise
    except Exception:
        told.tell()
        raise
    told.tell()
    return INCOMPLETE if told.left else DONE


def _redriven(args: argparse.Namespace, ports: Ports, told: _Told) -> Iterable[Redriven]:
    settings = ports.settings
    bucket, _, folder = args.where.removeprefix(SCHEME).partition("/")
    folder = f"{folder.rstrip('/')}/" if folder.strip("/") else ""
    if bucket == settings.work_bucket and folder.startswith(dead_letter.FOLDER):
        if args.code or args.worth or args.task:
            raise SettingsError(
                "--code, --worth and --task choose among results; below dead/ there are storage events."
            )
        return _dead_letters(folder, ports, dry_run=args.dry_run)
    if bucket == settings.results_bucket and (folder or settings.results_prefix).startswith(settings.results_prefix):
        return _failures(folder or settings.results_prefix, ports, args, told)
    raise SettingsError(
        f"expected gs://{settings.results_bucket}/{settings.results_prefix} or a folder below it, or"
        f" gs://{settings.work_bucket}/{dead_letter.FOLDER} (as the settings have them), found {args.where}."
    )


def _failures(folder: str, ports: Ports, args: argparse.Namespace, told: _Told) -> Iterable[Redriven]:
    """Redrive the newest failure of everything that has no result."""
    listed = list(BucketResults(ports.store, ports.settings.results_bucket, folder).listed())
    _require_task(args.task, [each.name for each in listed], folder)
    newest = chosen_in_order(listed, name_of=lambda each: each.name, task=args.task)
    failures = [each.name for each in newest if error_number(each.name) is not None and _is_since(each, args.since)]

    def takes(code: str) -> bool:
        # Of what is no document of ours nobody knows a code: it is told, as left.
        wanted = code == args.code if args.code else not args.worth or not _is_hopeless(code)
        told.passed_over[code] += not wanted
        return wanted

    return redrive_errors(failures, ports, takes=takes, dry_run=args.dry_run)


def _is_since(listed: Listed, since: dt.datetime | None) -> bool:
    return since is None or listed.stored is None or listed.stored >= since


def _is_hopeless(code: str) -> bool:
    return code in failure_codes() and not is_worth_a_redrive(code)


def _require_task(task: str | None, names: Sequence[str], folder: str) -> None:
    """Refuse a task that never was: neither today's, nor one of which anything lies here."""
    if task is None or task in TASKS:
        return
    found = tasks(names)
    if task not in found:
        known = ", ".join(sorted({*TASKS, *found}))
        raise SettingsError(f"expected one of the tasks {known}, found {task!r}: nothing of it lies below {folder!r}.")


def _dead_letters(folder: str, ports: Ports, *, dry_run: bool) -> Iterable[Redriven]:
    rules, ports = bootstrap.rules(), bootstrap.with_copies(ports)
    for name in ports.store.list_names(ports.settings.work_bucket, folder):
        yield redrive_dead_letter(name, ports, rules=rules, dry_run=dry_run)


@dataclass(slots=True)
class _Told:
    """What was done so far, and how it is told."""

    dry_run: bool
    each: bool
    done: list[Redriven] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How many stay as they are."""
        return sum(one.left is not None for one in self.done)

    @property
    def _verb(self) -> str:
        return "would be redriven" if self.dry_run else "redriven"

    def progress(self) -> str:
        """Return how far it is."""
        return f"{self._verb}: {len(self.done) - self.left:,}; left: {self.left:,}"

    def tell(self) -> None:
        """Write down what was done."""
        if self.done:
            sys.stdout.write(self._as_lines() if self.each or len(self.done) <= MAX_LINES else self._as_counts())
            sys.stdout.write(self._reasons())
        passed = ", ".join(
            f"{code or 'unknown'} {count:,}" for code, count in sorted(self.passed_over.items()) if count
        )
        if passed:
            sys.stderr.write(f"passed over: {passed}\n")
        sys.stderr.write(f"{self.progress()}\n")

    def _outcome(self, one: Redriven) -> str:
        return f"left: {one.left}" if one.left else self._verb

    def _as_lines(self) -> str:
        rows = [(one.place, one.task, one.code, self._outcome(one)) for one in self.done]
        return table(("what", "task", "code", "outcome"), rows) + "\n"

    def _as_counts(self) -> str:
        counts = Counter((one.task, one.code, self._outcome(one)) for one in self.done)
        rows = [(task, code, f"{count:,}", outcome) for (task, code, outcome), count in sorted(counts.items())]
        return table(("task", "code", "count", "outcome"), rows) + "\n"

    def _reasons(self) -> str:
        """Return why they had failed; told before it is done, and of so many that nobody reads each document."""
        if not self.dry_run and len(self.done) <= MAX_LINES:
            return ""
        found = reasons_of((one.reason, one.place) for one in self.done if one.reason)
        width = max(80, shutil.get_terminal_size().columns)
        lines = [f"{each.count:,} failed because: {each.text} ({each.example})" for each in found[:10]]
        more = [f"and {len(found) - 10:,} other reasons"] if len(found) > 10 else []  # noqa: PLR2004 - as above
        text = [_filled(line, width) for line in (*lines, *more)]
        return "\n" + "\n".join(text) + "\n" if text else ""


def _filled(text: str, width: int) -> str:
    return textwrap.fill(printable(text), width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _code(text: str) -> str:
    """Read an error code.

    Raises:
        argparse.ArgumentTypeError: no failure has it.
    """
    if text in failure_codes():
        return text
    known = ", ".join(failure_codes())
    if text in set(ErrorCode):
        raise argparse.ArgumentTypeError(
            f"{text} is no code of a failure, so there is nothing to redrive; those are {known}"
        )
    raise argparse.ArgumentTypeError(f"expected the code of a failure, one of {known}; found {text!r}")
