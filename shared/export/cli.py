"""The command line of exports: which results, in which format; data on stdout, everything else on stderr."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.command_line import DONE, INCOMPLETE, moment, run_to_exit_code, task_name
from shared.core.errors import NotFoundError, SettingsError, TransientError
from shared.export import commands
from shared.export.pictures import Split, parse_split
from shared.export.places import is_place, open_results
from shared.export.reading import SINCE
from shared.export.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = """\
WHERE is gs://BUCKET/FOLDER/ (gs://results/v1/ is one run), or a folder on this machine: a copy of that, or what
`make demo` left in .local/demo/results. GOOGLE_CLOUD_PROJECT and STORAGE_EMULATOR_HOST mean what they always do.

Exit codes: 0 everything is exported; 1 it failed; 2 wrong usage; 3 something could not be read and was left out;
130 Ctrl-C.
"""


def main(argv: Sequence[str]) -> int:
    """Run one export and return its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    _check(parser, args)
    report = Report(sys.stderr)

    def export() -> int:
        with report:
            args.run(commands.Export(args, open_results(args.where), report))
        return INCOMPLETE if report.left_out else DONE

    return run_to_exit_code(
        export,
        failures=(NotFoundError, TransientError, SettingsError, commands.NothingFoundError),
        tell=lambda error: report.say(f"The export failed: {error}"),
    )


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.tolerance is not None and args.segmentation not in {"polygon", None}:
        parser.error("--tolerance is for polygons: expected --segmentation polygon beside it")
    if args.tolerance is None:
        args.tolerance = args.usual_tolerance
    if args.out is None and (args.images or (args.split and args.form == "dataset")):
        parser.error("a split, and images, take several files: expected --out FOLDER beside --split and --images")
    if args.form == "dataset" and args.split is None:
        args.split = Split()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.export",
        description="Export results to stdout or into a folder.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    formats = parser.add_subparsers(required=True, metavar="FORMAT")
    _add_coco(formats.add_parser("coco", help="COCO: images, categories, boxes and masks"))
    _add_yolo(formats.add_parser("yolo", help="a folder of labels for YOLO, with its data.yaml"))
    _add_label_studio(formats.add_parser("label-studio", help="tasks with predictions, and their configuration"))
    _add_cvat(formats.add_parser("cvat", help='"CVAT for images 1.1": one XML'))
    _add_table(formats.add_parser("jsonl", help="one flat JSON object per line and item, for tables"), commands.jsonl)
    _add_table(formats.add_parser("parquet", help="the same rows as Apache Parquet"), commands.parquet)
    for each in formats.choices.values():
        each.add_argument("where", type=_where, metavar="WHERE", help="gs://BUCKET/FOLDER/ or a local folder")
        each.add_argument("--since", type=moment, metavar="TIME", help=SINCE)
    return parser


def _add_coco(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser, frame=True, images=True)
    parser.set_defaults(run=commands.coco)
    _add_segmentation(parser, ["rle", "polygon"], tolerance_px=0.0)
    _add_bare_names(parser)
    _add_out(parser, "annotations/instances_<part>.json for each part of --split")


def _add_yolo(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser, frame=True, images=True)
    parser.set_defaults(run=commands.yolo_folder, split=parse_split("train=80,val=20"), segmentation=None)
    parser.add_argument("--boxes", action="store_true", help="boxes, also where there are masks")
    _add_tolerance(parser, usual=1.0)
    _add_out(parser, "data.yaml, labels/ and images/", required=True)


def _add_label_studio(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser, frame=False, images=False)
    parser.set_defaults(run=commands.label_studio_folder)
    _add_segmentation(parser, ["polygon", "brush"], tolerance_px=1.0)
    _add_out(parser, "tasks.json and config.xml", required=True)


def _add_cvat(parser: argparse.ArgumentParser) -> None:
    _add_dataset(parser, frame=False, images=True)
    parser.set_defaults(run=commands.cvat_xml)
    _add_segmentation(parser, ["mask", "polygon"], tolerance_px=0.0)
    _add_bare_names(parser)
    _add_out(parser, "<part>.xml for each part of --split")


def _add_dataset(parser: argparse.ArgumentParser, *, frame: bool, images: bool) -> None:
    parser.set_defaults(form="dataset", frame="upright", images=False, bare_names=False)
    # Detect and segment find the same things: both in one dataset would count each twice.
    parser.add_argument("--task", type=task_name, default="segment", help="segment (default), detect or read")
    parser.add_argument(
        "--classes",
        type=Path,
        default=commands.DEFAULT_CLASSES,
        metavar="FILE",
        help="the classes of your project, whose lines are their ids; new labels are added (default: %(default)s)",
    )
    parser.add_argument("--fixed-classes", action="store_true", help="leave out labels that are not in --classes")
    _add_split(parser, "such as train=80,val=20; an image stays in its part in every export")
    if frame:
        parser.add_argument(
            "--frame", choices=["upright", "stored"], help="stored: for readers that ignore EXIF orientation"
        )
    if images:
        parser.add_argument("--images", action="store_true", help="copy the images from their bucket into --out")


def _add_table(parser: argparse.ArgumentParser, run: object) -> None:
    parser.set_defaults(
        run=run, form="table", tolerance=None, usual_tolerance=0.0, segmentation=None, out=None, images=False
    )
    parser.add_argument("--task", type=task_name, help="default: all")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="fill class_id by this file, and add new labels")
    _add_split(parser, "fill the column split, such as train=80,val=20")


def _add_segmentation(parser: argparse.ArgumentParser, forms: list[str], *, tolerance_px: float) -> None:
    polygon_first = forms[0] == "polygon"
    told = "polygons lose holes" if not polygon_first else "polygons lose holes, brushes do not"
    parser.add_argument("--segmentation", choices=forms, default=forms[0], help=f"default: {forms[0]}; {told}")
    _add_tolerance(parser, usual=tolerance_px)


def _add_bare_names(parser: argparse.ArgumentParser) -> None:
    told = "names without the bucket, for a tool that is connected to that one bucket, or to a copy of it"
    parser.add_argument("--bare-names", action="store_true", help=told)


def _add_tolerance(parser: argparse.ArgumentParser, *, usual: float) -> None:
    parser.set_defaults(usual_tolerance=usual)
    parser.add_argument(
        "--tolerance", type=_pixels, metavar="PX", help=f"of polygons: 1 leaves out most corners (default: {usual:g})"
    )


def _add_split(parser: argparse.ArgumentParser, told: str) -> None:
    parser.add_argument("--split", type=_split, metavar="SHARES", help=told)


def _add_out(parser: argparse.ArgumentParser, told: str, *, required: bool = False) -> None:
    parser.add_argument("--out", type=Path, required=required, metavar="FOLDER", help=f"a new folder: {told}")


def _where(text: str) -> str:
    if not is_place(text):
        raise argparse.ArgumentTypeError(f"expected gs://BUCKET/FOLDER/ or an existing folder, found {text!r}")
    return text


def _split(text: str) -> Split:
    try:
        return parse_split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _pixels(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of pixels, 0 or more, found {text!r}")
    return number
