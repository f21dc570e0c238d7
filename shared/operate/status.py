"""`status`: what a deployment has done, is at work on and is stuck with, and the command that mends it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from shared.command_line import DONE, INCOMPLETE, SCHEME, above_zero, bucket_address, moment
from shared.core.operating.problems import Places, problems_of
from shared.core.operating.summary import summarise
from shared.export.reading import Tally
from shared.operate import deployment
from shared.operate.backlog import read_backlog
from shared.operate.status_image import read_story
from shared.operate.status_reading import Outcomes, read_facts, refused_models
from shared.operate.status_report import StatusReport, report_document
from shared.operate.status_scope import scope_of
from shared.operate.status_text import report_text
from shared.progress import Progress

if TYPE_CHECKING:
    import datetime as dt

    from shared.operate.status_scope import StatusScope
    from shared.pipeline.ports import Ports

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_EVERY_S = 5.0
_EPILOG = """\
It reads and changes nothing. It needs roles/storage.objectViewer on the buckets of results, work and uploads; for the
backlog roles/pubsub.viewer and roles/monitoring.viewer on the project, and says so where it lacks them.

A failure counts until it has a result, or until a newer upload of the same name has one. What the day's ceiling has
lost to instances that hold a part of it counts as taken. docs/operating.md describes the JSON.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `status`."""
    parser.add_argument(
        "where",
        nargs="?",
        type=partial(bucket_address, form="gs://BUCKET[/OBJECT or /FOLDER]"),
        metavar="WHERE",
        help="gs://UPLOADS/OBJECT for the story of one image, gs://UPLOADS/FOLDER or gs://RESULTS/RUN/FOLDER for a part"
        " (default: all)",
    )
    parser.add_argument("--since", type=moment, metavar="TIME", help="count no results of before, such as 2026-11-21")
    parser.add_argument("--json", action="store_true", help="one JSON document (with --watch: one a line)")
    parser.add_argument("--watch", action="store_true", help="show it again and again, until Ctrl-C")
    parser.add_argument(
        "--every",
        type=partial(above_zero, what="seconds"),
        default=_EVERY_S,
        metavar="S",
        help="seconds between (default: 5)",
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Show how it stands, once or until Ctrl-C."""
    view = _View(args.where, since=args.since, again=args.watch)
    if not args.watch:
        try:
            return _show(view.report(), as_json=args.json, watched=False)
        except KeyboardInterrupt:
            sys.stderr.write(f"Stopped: {view.tally}.\n")
            raise
    code = DONE
    with suppress(KeyboardInterrupt):  # which is how a watch ends
        while True:
            code = _show(view.report(), as_json=args.json, watched=True)
            time.sleep(args.every)
    return code


class _View:
    """One place, looked at as often as is wished."""

    def __init__(self, where: str | None, *, since: dt.datetime | None, again: bool) -> None:
        self._where = where
        self._again = again
        self._since = since
        self._ports: Ports | None = None
        self._scope: StatusScope | None = None
        self._outcomes: Outcomes | None = None
        self._step = "the places"

    @property
    def tally(self) -> Tally:
        """How many results are read."""
        return self._outcomes.tally if self._outcomes else Tally()

    def report(self) -> StatusReport:
        """Read all of it, showing on stderr how far that is."""
        with Progress(self._progress, sys.stderr):
            return self._report()

    def _progress(self) -> str:
        return str(self.tally) if self._step == "results" else f"reading {self._step}"

    def _note(self, step: str) -> None:
        self._step = step

    def _report(self) -> StatusReport:
        ports = self._ports = self._ports or deployment.ports()
        settings = ports.settings
        scope = scope_of(self._where, settings, ports.store)
        if self._outcomes is None or scope != self._scope:  # a new run has begun
            self._scope, self._outcomes = scope, Outcomes(scope, ports, since=self._since, again=self._again)
        facts = read_facts(scope, ports, self._outcomes, reading=self._note)
        unreadable = list(self._outcomes.unreadable)
        summary = summarise(facts)
        places = Places(
            settings.results_bucket,
            settings.work_bucket,
            settings.results_prefix,
            scope.below,
            settings.storage_emulator_host,
        )
        problems = problems_of(summary, places, refused=refused_models(summary.held, ports))
        where = self._where or f"{SCHEME}{settings.results_bucket}/{settings.results_prefix}"
        if scope.image is not None:
            self._note("the journal")
            story = read_story(scope, ports, facts, on_unreadable=unreadable.append)
            return StatusReport(where, summary, problems, "", story, tuple(dict.fromkeys(unreadable)))
        self._note("the backlog")
        return StatusReport(where, summary, problems, read_backlog(settings), unreadable=unreadable)


def _show(report: StatusReport, *, as_json: bool, watched: bool) -> int:
    if as_json:
        text = json.dumps(report_document(report), indent=None if watched else 2) + "\n"
    else:
        text = report_text(report, width=shutil.get_terminal_size().columns)
        if watched:
            text = _CLEAR + text if sys.stdout.isatty() else f"{text}\n"
    sys.stdout.write(text)
    sys.stdout.flush()
    for each in report.unreadable:
        sys.stderr.write(f"left out: {each}\n")
    return INCOMPLETE if report.unreadable else DONE
