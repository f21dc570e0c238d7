"""What each format does: read, choose, write. Data goes to stdout or into a new folder, everything else to stderr."""

from __future__ import annotations

import json
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.consumer.choosing import tasks
from shared.core.errors import SettingsError
from shared.export import cvat, label_studio, yolo
from shared.export.classes import category, extend_classes, ids_of, read_classes
from shared.export.coco import Segmentation, to_coco
from shared.export.folders import new_folder
from shared.export.parquet import require_pyarrow, write_parquet
from shared.export.pictures import Masks, Split, choose_pictures, with_things
from shared.export.places import open_images
from shared.export.reading import THREADS, Unreadable, UnreadableError, documents
from shared.export.rows import rows
from shared.pipeline.concurrency import ahead

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.export.folders import Folder
    from shared.export.pictures import DatasetImage, Thing
    from shared.export.reading import Results, StoredResult
    from shared.export.report import Report


class NothingFoundError(Exception):
    """There is nothing to export; the message says where, and what to try."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was asked for, where results lie, and who is told."""

    args: argparse.Namespace
    results: Results
    report: Report


@dataclass(frozen=True, slots=True)
class _Dataset:
    """The pictures of an export, the classes of its project, and how its masks are read."""

    pictures: tuple[DatasetImage, ...]
    classes: tuple[str, ...]
    masks: Masks
    told: str

    @property
    def items(self) -> int:
        return sum(len(picture.items) for picture in self.pictures)

    def of_part(self, part: str) -> tuple[DatasetImage, ...]:
        return tuple(picture for picture in self.pictures if picture.part == part)


def coco(export: Export) -> None:
    """Write one dataset to stdout, or one for each part below `annotations/` of a folder."""

    def dataset_of(pictures: Sequence[DatasetImage]) -> dict[str, Any]:
        form = Segmentation(export.args.segmentation, export.args.tolerance)
        return to_coco(pictures, classes=found.classes, masks=found.masks, segmentation=form, each=_each)

    with _place(export.args) as folder:
        found = _dataset(export, folder, lambda picture: f"images/{picture.part}/{picture.file_name}")
        if folder is None:
            _write(dataset_of(found.pictures))
        else:
            for part in export.args.split.names:
                text = _line(dataset_of(found.of_part(part)))
                folder.write(f"annotations/instances_{part}.json", [text])
    export.report.summarise(f"images: {len(found.pictures)}; annotations: {found.items}{found.told}")


def yolo_folder(export: Export) -> None:
    """Write `data.yaml`, `labels/<part>/` and, if they are wanted, `images/<part>/`."""
    with new_folder(export.args.out) as folder:
        found = _dataset(export, folder, yolo.image_path)
        indices = {name: number - 1 for name, number in ids_of(found.classes).items()}
        outlines = export.args.task == "segment" and not export.args.boxes

        def line(picture: DatasetImage, thing: Thing) -> str:
            if outlines:
                return yolo.polygon_line(picture, thing, indices[thing.label], tolerance_px=export.args.tolerance)
            return yolo.box_line(picture, thing, indices[thing.label])

        for part in export.args.split.names:
            folder.make(f"images/{part}")
            folder.make(f"labels/{part}")
        for picture, lines in with_things(found.pictures, line, found.masks if outlines else Masks(), each=_each):
            folder.write(yolo.label_path(picture), lines)
        folder.write("data.yaml", [yolo.data_yaml(found.classes, export.args.split.names)])
        folder.write("images.tsv", (f"{picture.uri}\t{yolo.image_path(picture)}\n" for picture in found.pictures))
    export.report.summarise(f"images: {len(found.pictures)}; labels: {found.items}{found.told}")


def label_studio_folder(export: Export) -> None:
    """Write `tasks.json`, which is imported, and `config.xml`, the labelling configuration."""

    def regions(picture: DatasetImage, thing: Thing) -> list[dict[str, Any]]:
        return label_studio.regions(picture, thing, form=export.args.segmentation, tolerance_px=export.args.tolerance)

    with new_folder(export.args.out) as folder:
        found = _dataset(export)
        made = with_things(found.pictures, regions, found.masks, each=_each)
        folder.write("tasks.json", _listed(label_studio.task(picture, shown) for picture, shown in made))
        folder.write("config.xml", [label_studio.config(found.classes)])
    export.report.summarise(f"tasks: {len(found.pictures)}; items: {found.items}{found.told}")


def cvat_xml(export: Export) -> None:
    """Write one document to stdout, or one for each part into a folder, beside `images/<part>/`."""

    def shapes(picture: DatasetImage, thing: Thing) -> str:
        del picture
        return cvat.shapes(thing, form=export.args.segmentation, tolerance_px=export.args.tolerance)

    def xml_of(pictures: Sequence[DatasetImage]) -> Iterator[str]:
        return cvat.to_xml(with_things(pictures, shapes, found.masks, each=_each), classes=found.classes)

    with _place(export.args) as folder:
        found = _dataset(export, folder, lambda picture: f"images/{picture.part}/{picture.file_name}")
        if folder is None:
            for text in xml_of(found.pictures):
                sys.stdout.buffer.write(text.encode())
        else:
            for part in export.args.split.names:
                folder.write(f"{part}.xml", xml_of(found.of_part(part)))
    export.report.summarise(f"images: {len(found.pictures)}; shapes: {found.items}{found.told}")


def jsonl(export: Export) -> None:
    """Write one line for each row to stdout."""
    written = 0
    for row in _rows(export):
        _write(row)
        written += 1
    export.report.summarise(f"lines: {written}")


def parquet(export: Export) -> None:
    """Write one Parquet file to stdout."""
    require_pyarrow()
    if sys.stdout.isatty():
        raise SettingsError("expected a file to write to, found a terminal: add `> results.parquet`.")
    written = write_parquet(_rows(export), sys.stdout.buffer)
    export.report.summarise(f"rows: {written}")


def _rows(export: Export) -> Iterator[dict[str, Any]]:
    found: Iterable[StoredResult] = _stored_results(export)
    ids = None
    if export.args.classes is not None:
        found = list(found)  # no id is known before all labels are
        entries = (item for each in found for item in each.document.get("items") or each.document.get("classes") or ())
        ids = ids_of(extend_classes(export.args.classes, (category(item) for item in entries)))
    for stored in found:
        yield from rows(stored, split=export.args.split, class_ids=ids)


def _dataset(
    export: Export, folder: Folder | None = None, image_path: Callable[[DatasetImage], str] | None = None
) -> _Dataset:
    """Read results, choose pictures and classes, and copy the images into the folder, where they are wanted."""
    fixed = read_classes(export.args.classes) if export.args.fixed_classes else None
    found = choose_pictures(
        (stored.document for stored in _stored_results(export)),
        frame=export.args.frame,
        split=export.args.split or Split(),
        labels=fixed,
        bare_names=export.args.bare_names,
    )
    if not found.pictures:
        raise NothingFoundError(
            f"expected results with items, found none among {export.report.results}{_of(export.args.task)}."
        )
    pictures = found.pictures
    if export.args.images and folder is not None and image_path is not None:
        pictures = _with_images(pictures, folder, image_path, export.report)
    labels = {category(item) for picture in pictures for item in picture.items}
    told = f"; older results of the same images left out: {found.outdated}" if found.outdated else ""
    told += f"; items of other classes left out: {found.other_classes}" if found.other_classes else ""
    return _Dataset(pictures, fixed or extend_classes(export.args.classes, labels), _masks(export), told)


def _masks(export: Export) -> Masks:
    def read(name: str) -> bytes:
        data = export.results.read_file(name)
        export.report.count_mask()
        return data

    def unreadable(name: str, error: ValueError) -> None:
        export.report.leave_out(Unreadable(export.results.place(name), str(error)))

    return Masks(read, unreadable)


def _with_images(
    pictures: Sequence[DatasetImage], folder: Folder, path_of: Callable[[DatasetImage], str], report: Report
) -> tuple[DatasetImage, ...]:
    """Copy images, and return the pictures whose image could be read."""
    read = open_images()

    def copied(picture: DatasetImage) -> bool:
        try:
            folder.write(path_of(picture), read(picture.source))
        except UnreadableError as error:
            report.leave_out(Unreadable(picture.uri, str(error)))
            return False
        return True

    return tuple(picture for picture, there in zip(pictures, _each(copied, pictures), strict=True) if there)


@contextmanager
def _place(args: argparse.Namespace) -> Iterator[Folder | None]:
    if args.out is None:
        yield None
        return
    with new_folder(args.out) as folder:
        yield folder


def _each(call: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Do as `map` does, with several files on their way at a time."""
    with closing(ahead(call, items, at_once=THREADS)) as begun:
        for _, outcome in begun:
            yield outcome()


def _stored_results(export: Export) -> Iterator[StoredResult]:
    args, report = export.args, export.report
    found = documents(export.results, task=args.task, since=args.since, on_unreadable=report.leave_out)
    with closing(found):
        yield from report.count(found)
    if report.results == 0:
        others = ", ".join(tasks(each.name for each in export.results.listed()))
        hint = f"there are results of {others}: see --task" if others else "see --help for what WHERE can be"
        raise NothingFoundError(f"expected results{_of(args.task)} below {args.where}, found none; {hint}.")


def _of(task: str | None) -> str:
    return f" of task {task}" if task else ""


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _listed(values: Iterable[Any]) -> Iterator[str]:
    """Yield a JSON list, one line for each of its values."""
    before = "[\n"
    for value in values:
        yield before + _line(value).rstrip("\n")
        before = ",\n"
    yield "\n]\n" if before == ",\n" else "[]\n"


def _write(value: dict[str, Any]) -> None:
    # Whatever the terminal's encoding: JSON is UTF-8. Python's escape of half a surrogate pair is JSON's own.
    sys.stdout.buffer.write(_line(value).encode(errors="backslashreplace"))


DEFAULT_CLASSES = Path("classes.txt")
"""Beside the export: a project is a folder in which somebody exports."""
