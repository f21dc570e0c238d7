"""What `evaluate` reads: the labelled set, the synonyms, and of each run the newest result of each image and task."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.errors import SettingsError
from shared.core.evaluation.judging import LABELLING_OF, Judge, JudgedImage
from shared.core.evaluation.labels import label_matching
from shared.core.evaluation.truth import Labelling, TruthError, parse_truth
from shared.core.naming import encode_object_name
from shared.export.places import open_results
from shared.export.reading import THREADS, Tally, Unreadable, documents
from shared.export.shapes import crop_mask
from shared.pipeline.concurrency import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shared.core.evaluation.labels import LabelMatching
    from shared.core.evaluation.truth import Truth, TruthImage
    from shared.core.masks.crop import MaskCrop
    from shared.export.reading import Results

_MAX_NAME_BYTES = 1000


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run under its short name, and where its results lie: `gs://BUCKET/FOLDER` or a folder on this machine."""

    name: str
    where: str


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A truth, how labels are matched to its own, and the file that it is from."""

    truth: Truth
    path: Path
    labels: LabelMatching
    classes: LabelMatching

    def task_images(self, task: str) -> tuple[TruthImage, ...]:
        """Return the images that a task is judged by."""
        return self.truth.labelled(LABELLING_OF[task])


@dataclass(slots=True)
class RunResults:
    """The results of a run by task and image id; `older` were left out for a newer one of the same image."""

    place: RunPlace
    results: Results
    by_task: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    places: dict[tuple[str, int], str] = field(default_factory=dict)
    older: int = 0
    unlabelled: int = 0


def read_truth(path: Path, synonyms: Path | None) -> LabelledSet:
    """Read a labelled set, and a list of synonyms.

    Raises:
        SettingsError: a file cannot be read, or is not what is expected; the message names the place in it.
    """
    try:
        truth = parse_truth(_json(path, "a labelled set in COCO's JSON"))
    except TruthError as error:
        raise SettingsError(f"{path}: {error} (docs/evaluation.md says what a labelled set is).") from error
    words = None if synonyms is None else _json(synonyms, "synonyms in JSON")
    try:
        # A word may be a synonym of an object's label, of a class, or of both.
        known = {*truth.labels, *truth.classes}
        label_matching(known, words)
        labels = label_matching(truth.labels, _those_of(words, truth.labels))
        classes = label_matching(truth.classes, _those_of(words, truth.classes))
    except ValueError as error:
        raise SettingsError(f"{synonyms or path}: {error}.") from error
    return LabelledSet(truth, path, labels, classes)


def _those_of(words: Any, labels: Sequence[str]) -> Any:
    mine = label_matching(labels)
    return None if words is None else {label: some for label, some in words.items() if mine.match(label)}


def _json(path: Path, what: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"expected {what}, found {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"expected {what}, found that {path} is no JSON: {error}.") from error


def read_run(
    place: RunPlace,
    labelled: LabelledSet,
    *,
    task: str | None,
    tally: Tally,
    on_unreadable: Callable[[Unreadable], None],
) -> RunResults:
    """Read the newest result of each labelled image and task.

    Raises:
        SettingsError: two objects have the name of one labelled image, or a picture has another size than its labels.
    """
    run = RunResults(place, open_results(place.where))
    images = {image.file_name: image for image in labelled.truth.images}
    sources: dict[int, tuple[str, str]] = {}
    with closing(documents(run.results, task=task, on_unreadable=on_unreadable, tally=tally)) as found:
        for each in found:
            document = each.document
            image = next((images[name] for name in names_of(document["source"]) if name in images), None)
            if document["task"] not in LABELLING_OF or image is None:
                run.unlabelled += image is None
                continue
            source = document["source"]["bucket"], document["source"]["name"]
            if sources.setdefault(image.number, source) != source:
                both = " and ".join(f"gs://{'/'.join(one)}" for one in (sources[image.number], source))
                raise SettingsError(
                    f"expected one object of run {place.name} for {image.file_name}, found {both}: write bucket and"
                    " name into file_name of the labelled set, or give --run a folder that holds one of them."
                )
            _keep(run, document, each.place, image)
    return run


def _keep(run: RunResults, document: dict[str, Any], place: str, image: TruthImage) -> None:
    """Keep a result if it is the newest of its image and task."""
    task = document["task"]
    kept = run.by_task.setdefault(task, {})
    earlier = kept.get(image.number)
    run.older += earlier is not None
    if earlier is not None and _age(earlier) > _age(document):
        return
    shown = document["image"]
    if (
        LABELLING_OF[task] == Labelling.BOXES
        and shown
        and (shown["width"], shown["height"]) != (image.width, image.height)
    ):
        raise SettingsError(
            f"expected {image.file_name} to have {image.width}x{image.height} pixels, as the labelled set says, found"
            f" {shown['width']}x{shown['height']} upright in {place}: correct width and height, or label the picture as"
            " a person sees it, turned as its EXIF orientation says."
        )
    kept[image.number] = document
    run.places[task, image.number] = place


def _age(document: Mapping[str, Any]) -> tuple[int, bool, str]:
    """What the newest result has most of; of one generation, a failure is never newer than an answer."""
    return int(document["source"]["generation"]), document["status"] != "failed", document["created"]


def names_of(source: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a labelled set may call an object: with its bucket, by its name, or by the end of that.

    >>> list(names_of({"bucket": "uploads", "name": "set/one/cat.jpg"}))
    ['uploads/set/one/cat.jpg', 'set/one/cat.jpg', 'one/cat.jpg', 'cat.jpg']
    """
    encoded = encode_object_name(source["name"], max_bytes=_MAX_NAME_BYTES)
    for name in dict.fromkeys((source["name"], encoded)):
        yield f"{source['bucket']}/{name}"
        folders = name.split("/")
        yield from ("/".join(folders[start:]) for start in range(len(folders)))


def judge_run(
    run: RunResults, labelled: LabelledSet, task: str, *, on_unreadable: Callable[[Unreadable], None]
) -> list[JudgedImage]:
    """Judge a task of a run, image by image, in the order of their ids; masks are read several at a time."""

    def read_mask(document: Mapping[str, Any], item: Mapping[str, Any]) -> MaskCrop | None:
        mask = item.get("mask") or {}
        if mask.get("status") != "ok":
            return None
        size = document["image"]
        try:
            return crop_mask(run.results.read_file(mask["file"]), width=size["width"], height=size["height"])
        except ValueError as error:
            on_unreadable(Unreadable(mask["file"], str(error)))
            return None

    judge = Judge(task, labelled.labels, labelled.classes, read_mask)
    kept = run.by_task.get(task, {})
    images = labelled.task_images(task)
    calls = ahead(lambda image: judge.judged(image, kept.get(image.number)), images, at_once=THREADS)
    with closing(calls) as judged:
        return [outcome() for _, outcome in judged]


def other_labels(judged: Sequence[JudgedImage]) -> Counter[str]:
    """Return how often each label was given that none of the truth matches."""
    return sum((each.other_labels for each in judged if each.other_labels), Counter[str]())
