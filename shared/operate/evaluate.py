"""`evaluate`: how right the results of one or more runs are, against a labelled set."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shared.command_line import DONE, FAILED, INCOMPLETE, SCHEME
from shared.core.errors import SettingsError
from shared.core.evaluation.judging import LABELLING_OF
from shared.core.evaluation.resampling import Resampling
from shared.core.evaluation.truth import Labelling
from shared.export.places import is_place
from shared.export.reading import Tally, Unreadable
from shared.operate.evaluate_coco import precision_by_pycocotools, require_pycocotools
from shared.operate.evaluate_page import write_page
from shared.operate.evaluate_pictures import PictureReader
from shared.operate.evaluate_reading import RunPlace, judge_run, read_run, read_truth
from shared.operate.evaluate_report import Evaluation, as_document, task_figures
from shared.operate.evaluate_text import as_text
from shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.operate.evaluate_reading import LabelledSet, RunResults

_NAMED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,11})=(.+)", re.DOTALL)
_MOST_RUNS: Final = 26
_EPILOG = """\
docs/evaluation.md says what a labelled set is and what each figure means. In short: things match from an overlap
(intersection over union) of 0.5 on; mAP is pycocotools' AP@[.5:.95], with the same score for everything, because Gemini
gives none; an image without a result, or with one that failed, counts as nothing found. Every run is compared with the
first one on the same images; `better` and `worse` mean that the 95 % interval of the difference leaves out 0.

Exit codes: 0 done; 1 nothing could be evaluated; 2 wrong usage; 3 something could not be read and was left out.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `evaluate`."""
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="FILE", help="the labelled set: COCO's JSON, and more"
    )
    parser.add_argument(
        "--run",
        type=_run_place,
        action="append",
        required=True,
        dest="runs",
        metavar="[NAME=]WHERE",
        help="gs://RESULTS_BUCKET[/FOLDER] or a local copy; repeatable, the others are compared with the first",
    )
    parser.add_argument("--synonyms", type=Path, metavar="FILE", help='JSON, such as {"person": ["woman", "man"]}')
    parser.add_argument("--task", choices=list(LABELLING_OF), help="only this task (default: all that are labelled)")
    parser.add_argument(
        "--resamples", type=_count, default=1000, metavar="N", help="samples of the bootstrap (default: 1000)"
    )
    parser.add_argument("--seed", type=_count, default=1, metavar="N", help="of the bootstrap (default: 1)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="write a page, the worst pictures first")
    parser.add_argument(
        "--pictures", type=_count, default=24, metavar="N", help="pictures of a task on the page (default: 24)"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="where the page finds the pictures by their file_name (default: beside FILE, then the upload bucket)",
    )
    parser.add_argument(
        "--pycocotools", action="store_true", help="let pycocotools reckon mAP, too (requirements-evaluate.txt)"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Judge every run and show the figures; say what could not be read.

    Raises:
        SettingsError: the labelled set, the synonyms or a run cannot be used.
    """
    if args.pycocotools:
        require_pycocotools()
    if args.page:
        _require_new_place(args.page)
    labelled = read_truth(args.truth, args.synonyms)
    places = _with_names(args.runs)
    left_out: list[Unreadable] = []
    tally = Tally()
    with Progress(lambda: str(tally), sys.stderr) as progress:

        def leave_out(unreadable: Unreadable) -> None:
            left_out.append(unreadable)
            progress.say(f"left out: {unreadable.place}: {unreadable.reason}")

        read = [read_run(place, labelled, task=args.task, tally=tally, on_unreadable=leave_out) for place in places]
        for run_results in read:
            if not run_results.by_task:
                progress.say(_nothing(run_results, labelled))
                return FAILED
        evaluation = _evaluated(args, labelled, read, leave_out)
        if not evaluation.tasks:
            progress.say(_no_task(read))
            return FAILED
        if args.page:
            pictures = PictureReader(args.images or args.truth.parent, from_buckets=_in_a_bucket(places))
            size = write_page(args.page, evaluation, pictures, most=args.pictures)
            progress.say(f"{args.page}: {size / 1e6:.1f} MB, with the pictures in it")
    shown = as_text(evaluation)
    if args.json:
        shown = json.dumps(as_document(evaluation, complete=not left_out), indent=2) + "\n"
    sys.stdout.write(shown)
    return INCOMPLETE if left_out else DONE


def _evaluated(
    args: argparse.Namespace,
    labelled: LabelledSet,
    read: Sequence[RunResults],
    leave_out: Callable[[Unreadable], None],
) -> Evaluation:
    resampling = Resampling(args.resamples, args.seed)
    tasks, reckoned = [], {}
    for task in LABELLING_OF:
        some = [each for each in read if each.by_task.get(task)]
        if some and labelled.task_images(task):
            judged = {each.place.name: judge_run(each, labelled, task, on_unreadable=leave_out) for each in some}
            tasks.append(task_figures(task, judged, resampling))
            if args.pycocotools and LABELLING_OF[task] == Labelling.BOXES:
                reckoned[task] = {name: precision_by_pycocotools(images) for name, images in judged.items()}
    older = {each.place.name: each.older for each in read}
    return Evaluation(labelled, tuple(each.place for each in read), tuple(tasks), resampling, older, reckoned)


def _nothing(run: RunResults, labelled: LabelledSet) -> str:
    example = labelled.truth.images[0].file_name
    others = f", and {run.unlabelled} of other images" if run.unlabelled else ""
    return (
        f"expected results of images in {labelled.path} below {run.place.where}, found none{others}: an object is"
        f" known by its name or the end of it, such as {example}."
    )


def _no_task(read: Sequence[RunResults]) -> str:
    found = sorted({task for each in read for task, kept in each.by_task.items() if kept})
    return (
        f"expected labels for one of the tasks that have results ({', '.join(found)}), found none: boxes are for detect"
        " and segment, text for read, classes for classify, captions for caption, answers for ask."
    )


def _in_a_bucket(places: Sequence[RunPlace]) -> bool:
    return any(place.where.startswith(SCHEME) for place in places)


def _require_new_place(page: Path) -> None:
    if not page.parent.is_dir():
        raise SettingsError(f"expected a folder for {page}, found none at {page.parent}: make it first.")


def _with_names(places: Sequence[RunPlace]) -> tuple[RunPlace, ...]:
    """Give runs without a name the letters A, B … by their place.

    Raises:
        SettingsError: two runs have one name.
    """
    named = tuple(RunPlace(each.name or chr(ord("A") + place), each.where) for place, each in enumerate(places))
    if len({each.name for each in named}) < len(named) or len(named) > _MOST_RUNS:
        found = ", ".join(each.name for each in named)
        raise SettingsError(f"expected at most {_MOST_RUNS} runs, each with a name of its own, found {found}.")
    return named


def _run_place(text: str) -> RunPlace:
    if is_place(text):
        return RunPlace("", text)
    named = _NAMED.fullmatch(text)
    if named and is_place(named[2]):
        return RunPlace(named[1], named[2])
    raise argparse.ArgumentTypeError(
        f"expected [NAME=]gs://BUCKET/FOLDER/ or an existing folder, with a name of at most 12 letters, found {text!r}"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)
