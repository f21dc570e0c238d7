"""The command line of exports: which results, in which format; data on stdout, everything else on stderr."""

from __future__ import annotations

import argparse
import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from shared.command_line import DONE, INCOMPLETE, moment, run_to_exit_code, task_name
from shared.consumer.choosing import tasks
from shared.core.errors import NotFoundError, SettingsError, TransientError
from shared.export.coco import Segmentation, to_coco
from shared.export.places import is_place, open_results
from shared.export.reading import SINCE, THREADS, Unreadable, documents
from shared.export.report import Report
from shared.export.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.export.reading import Results, StoredResult

_EPILOG = """\
WHERE is gs://BUCKET/FOLDER/ (gs://results/v1/ is one run), or a folder on this machine: a copy of that, or what
`make demo` left in .local/demo/results. GOOGLE_CLOUD_PROJECT and STORAGE_EMULATOR_HOST mean what they always do.

Exit codes: 0 everything is exported; 1 it failed; 2 wrong usage; 3 something could not be read and was left out;
130 Ctrl-C.
"""


class _NothingFoundError(Exception):
    """There is nothing to export; the message says where, and what to try."""


def main(argv: Sequence[str]) -> int:
    """Run one export and return its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.tolerance and args.segmentation == "rle":
        parser.error("--tolerance is for polygons: expected --segmentation polygon beside it")
    report = Report(sys.stderr)

    def export() -> int:
        with report:
            args.run(args, open_results(args.where), report)
        return INCOMPLETE if report.left_out else DONE

    return run_to_exit_code(
        export,
        failures=(NotFoundError, TransientError, SettingsError, _NothingFoundError),
        tell=lambda error: report.say(f"The export failed: {error}"),
    )


def _coco(args: argparse.Namespace, results: Results, report: Report) -> None:
    stored = list(_stored_results(args, results, report))

    def read_mask(name: str) -> bytes:
        data = results.read_file(name)
        report.count_mask()
        return data

    with ThreadPoolExecutor(THREADS, thread_name_prefix="mask") as pool:
        dataset = to_coco(
            (each.document for each in stored),
            read_file=read_mask,
            segmentation=Segmentation(args.segmentation, args.tolerance),
            on_unreadable=lambda name, error: report.leave_out(Unreadable(results.place(name), str(error))),
            each=pool.map,
        )
    if not dataset["images"]:
        raise _NothingFoundError(f"expected results with items, found none among {report.results}{_of(args.task)}.")
    _write(dataset)
    report.summarise(f"images: {len(dataset['images'])}; annotations: {len(dataset['annotations'])}")


def _jsonl(args: argparse.Namespace, results: Results, report: Report) -> None:
    written = 0
    for stored in _stored_results(args, results, report):
        for row in rows(stored):
            _write(row)
            written += 1
    report.summarise(f"lines: {written}")


def _stored_results(args: argparse.Namespace, results: Results, report: Report) -> Iterator[StoredResult]:
    found = documents(results, task=args.task, since=args.since, on_unreadable=report.leave_out)
    with closing(found):
        yield from report.count(found)
    if report.results == 0:
        others = ", ".join(tasks(each.name for each in results.listed()))
        hint = f"there are results of {others}: see --task" if others else "see --help for what WHERE can be"
        raise _NothingFoundError(f"expected results{_of(args.task)} below {args.where}, found none; {hint}.")


def _of(task: str | None) -> str:
    return f" of task {task}" if task else ""


def _write(value: dict[str, Any]) -> None:
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Whatever the terminal's encoding: JSON is UTF-8. Python's escape of half a surrogate pair is JSON's own.
    sys.stdout.buffer.write(f"{line}\n".encode(errors="backslashreplace"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.export",
        description="Export results to stdout.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    formats = parser.add_subparsers(required=True, metavar="FORMAT")
    coco = formats.add_parser("coco", help="one COCO dataset: images, categories, boxes and masks")
    coco.set_defaults(run=_coco)
    # Detect and segment find the same things: both in one dataset would count each twice.
    coco.add_argument("--task", type=task_name, default="segment", help="segment (default) or detect")
    coco.add_argument("--segmentation", choices=["rle", "polygon"], default="rle", help="polygons lose holes")
    coco.add_argument(
        "--tolerance", type=_pixels, default=0.0, metavar="PX", help="of polygons: 1 leaves out most corners"
    )
    jsonl = formats.add_parser("jsonl", help="one flat JSON object per line and item, for tables")
    jsonl.set_defaults(run=_jsonl, tolerance=0.0)
    jsonl.add_argument("--task", type=task_name, help="default: all")
    for each in (coco, jsonl):
        each.add_argument("where", type=_where, metavar="WHERE", help="gs://BUCKET/FOLDER/ or a local folder")
        each.add_argument("--since", type=moment, metavar="TIME", help=SINCE)
    return parser


def _where(text: str) -> str:
    if not is_place(text):
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET/FOLDER/ or an existing folder, found {text!r}")
    return text


def _pixels(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of pixels, 0 or more, found {text!r}")
    return number
