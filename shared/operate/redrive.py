"""`redrive`: publish the image events of failed results again, or handle kept storage events again."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from shared import bootstrap
from shared.command_line import DONE, INCOMPLETE, task_name
from shared.consumer.choosing import chosen
from shared.core import naming
from shared.core.errors import SettingsError
from shared.core.planning.redrive import error_number
from shared.export.reading import BucketResults
from shared.operate import deployment
from shared.operate.tables import table
from shared.pipeline.upkeep import dead_letter
from shared.pipeline.upkeep.redrive import redrive_dead_letter, redrive_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.pipeline.ports import Ports
    from shared.pipeline.upkeep.redrive import Redriven

_SCHEME = "gs://"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `redrive`."""
    parser.add_argument(
        "where", type=_where, metavar="WHERE", help="gs://RESULTS_BUCKET[/FOLDER] or gs://WORK_BUCKET/dead"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    parser.add_argument("--code", help="only failures of this error code, such as dead_letter")
    parser.add_argument("--task", type=task_name, help="only this task's failures")


def run(args: argparse.Namespace) -> int:
    """Redrive what lies there, show it as a table, and return whether something was left."""
    ports = deployment.ports()
    bucket, _, folder = args.where.removeprefix(_SCHEME).partition("/")
    folder = f"{folder.rstrip('/')}/" if folder.strip("/") else ""
    settings = ports.settings
    if bucket == settings.work_bucket and folder.startswith(dead_letter.FOLDER):
        return _report(_dead_letters(folder, ports, dry_run=args.dry_run), dry_run=args.dry_run)
    if bucket == settings.results_bucket and (folder or settings.results_prefix).startswith(settings.results_prefix):
        names = _failures(folder or settings.results_prefix, ports, task=args.task)
        return _report(redrive_errors(names, ports, code=args.code, dry_run=args.dry_run), dry_run=args.dry_run)
    raise SettingsError(
        f"expected gs://{settings.results_bucket}/{settings.results_prefix} or a folder below it, or"
        f" gs://{settings.work_bucket}/{dead_letter.FOLDER} (as the settings have them), found {args.where}."
    )


def _failures(folder: str, ports: Ports, *, task: str | None) -> Sequence[str]:
    """Return the newest error document of everything that has errors and no result."""
    listed = BucketResults(ports.store, ports.settings.results_bucket, folder).listed()
    return [name for name in chosen((each.name for each in listed), task=task) if error_number(name) is not None]


def _dead_letters(folder: str, ports: Ports, *, dry_run: bool) -> Iterable[Redriven]:
    rules, ports = bootstrap.rules(), bootstrap.with_copies(ports)
    for name in ports.store.list_names(ports.settings.work_bucket, folder):
        yield redrive_dead_letter(name, ports, rules=rules, dry_run=dry_run)


def _report(redriven: Iterable[Redriven], *, dry_run: bool) -> int:
    rows, left, verb = [], 0, "would be redriven" if dry_run else "redriven"
    try:
        for each in redriven:
            left += each.left is not None
            rows.append((each.place, each.task, each.code, f"left: {each.left}" if each.left else verb))
    finally:  # what was done is told, also where the rest failed
        if rows:
            sys.stdout.write(table(("what", "task", "code", "outcome"), rows) + "\n")
        sys.stderr.write(f"{verb}: {len(rows) - left}; left: {left}\n")
    return INCOMPLETE if left else DONE


def _where(text: str) -> str:
    bucket = text.removeprefix(_SCHEME).partition("/")[0]
    if not text.startswith(_SCHEME) or not naming.is_bucket_name(bucket):
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET[/FOLDER], found {text!r}")
    return text
