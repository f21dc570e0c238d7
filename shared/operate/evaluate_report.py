"""The figures of an evaluation: of each run and task with their intervals, and of each run against the first one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shared.core.evaluation.objects import ObjectsOfImage, label_counts, label_statistics, object_statistics
from shared.core.evaluation.outcomes import ImageOutcome
from shared.core.evaluation.resampling import LEVEL, Figure, Ratios
from shared.core.evaluation.texts import ScoresOfImage, class_statistics, score_statistics
from shared.operate.cost import list_price_usd
from shared.operate.evaluate_reading import other_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.evaluation.judging import JudgedImage
    from shared.core.evaluation.objects import Shape
    from shared.core.evaluation.resampling import Resampling, Statistics
    from shared.operate.evaluate_reading import LabelledSet, RunPlace

LESS_IS_BETTER: Final = frozenset({"seconds", "usd_per_1000"})
FEW_IMAGES: Final = 30
"""With fewer images a bootstrap's intervals are narrower than they should be."""
_SAME: Final = 1e-9
_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against the first one: differences by figure, and how many images are better, the same and worse."""

    differences: Mapping[str, Figure]
    better: int
    same: int
    worse: int


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run made of the images of one task."""

    run: str
    judged: Sequence[JudgedImage]
    outcomes: Mapping[str, int]
    figures: Mapping[str, Figure]
    labels: Mapping[str, Mapping[str, Figure]]
    counts: Mapping[str, Mapping[str, int]]
    confusion: Mapping[tuple[str, str], int]
    other_labels: Mapping[str, int]
    seconds: Mapping[str, float | None]
    usd: float
    unpriced: int
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """One task: its labelled images, and each run that has results of it."""

    task: str
    images: int
    runs: tuple[RunFigures, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures, and how they were reckoned. `older` results were left out for newer ones, by run."""

    labelled: LabelledSet
    runs: tuple[RunPlace, ...]
    tasks: tuple[TaskFigures, ...]
    resampling: Resampling
    older: Mapping[str, int]
    pycocotools: Mapping[str, Mapping[str, Mapping[str, float | None]]] = field(default_factory=dict)


def task_figures(task: str, judged: Mapping[str, Sequence[JudgedImage]], resampling: Resampling) -> TaskFigures:
    """Return the figures of one task; `judged` are the same images in one order, by run, the first to compare with."""
    statistics = {run: _Combined(_statistics(images)) for run, images in judged.items()}
    first = next(iter(judged))
    runs = []
    for run, images in judged.items():
        comparison = None
        if run != first:
            differences = resampling.differences(statistics[run], statistics[first], len(images))
            comparison = Comparison(differences, *_image_by_image(images, judged[first]))
        runs.append(_run_figures(run, images, statistics[run], resampling, comparison=comparison))
    return TaskFigures(task, len(judged[first]), tuple(runs))


@dataclass(frozen=True, slots=True, eq=False)
class _Combined:
    """Several statistics as one."""

    parts: Sequence[Statistics]

    def over(self, weights: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
        return {name: value for part in self.parts for name, value in part.over(weights).items()}


def _statistics(images: Sequence[JudgedImage]) -> tuple[Statistics, ...]:
    spent = Ratios({"seconds": _columns(map(_seconds, images)), "usd_per_1000": _columns(map(_usd_per_1000, images))})
    things = _things(images)
    if things:
        return (
            *(each for shape in _shapes(things) for each in object_statistics(_of_shape(things, shape), shape)),
            spent,
        )
    return (score_statistics(_sentences(images)), spent)


def _columns(pairs: Any) -> tuple[Any, Any]:
    upper, lower = np.array(list(pairs), dtype=np.float64).reshape(-1, 2).T
    return upper, lower


def _seconds(each: JudgedImage) -> tuple[float, float]:
    took = (each.document or {}).get("timing_ms", {}).get("model")
    return (0.0, 0.0) if took is None else (took / _MILLISECONDS, 1.0)


def _usd_per_1000(each: JudgedImage) -> tuple[float, float]:
    usd = _usd(each)
    return (0.0, 0.0) if usd is None else (1000 * usd, 1.0)


def _usd(each: JudgedImage) -> float | None:
    """Return what an image has cost; None where nobody was asked, or the price is unknown."""
    if each.document is None or each.document["usage"] is None:
        return None
    return list_price_usd(each.document)


def _things(images: Sequence[JudgedImage]) -> list[ObjectsOfImage]:
    return [each.scores for each in images if isinstance(each.scores, ObjectsOfImage)]


def _sentences(images: Sequence[JudgedImage]) -> list[ScoresOfImage]:
    return [each.scores for each in images if isinstance(each.scores, ScoresOfImage)]


def _shapes(things: Sequence[ObjectsOfImage]) -> tuple[Shape, ...]:
    return ("box", "mask") if any("mask" in each.matches for each in things) else ("box",)


def _of_shape(things: Sequence[ObjectsOfImage], shape: Shape) -> list[ObjectsOfImage]:
    """Return the images with those that are not judged by this shape as empty: figures are over the same images."""
    return [each if shape in each.matches else ObjectsOfImage({shape: {}}) for each in things]


def _image_by_image(new: Sequence[JudgedImage], old: Sequence[JudgedImage]) -> tuple[int, int, int]:
    differences = [ours.quality - theirs.quality for ours, theirs in zip(new, old, strict=True)]
    better, worse = sum(each > _SAME for each in differences), sum(each < -_SAME for each in differences)
    return better, len(differences) - better - worse, worse


def _run_figures(
    run: str,
    images: Sequence[JudgedImage],
    statistics: Statistics,
    resampling: Resampling,
    *,
    comparison: Comparison | None,
) -> RunFigures:
    times = sorted(upper for upper, counted in map(_seconds, images) if counted)
    things = _things(images)
    per_label: Mapping[str, Sequence[Statistics]]
    if things:
        shape = _shapes(things)[-1]
        per_label = label_statistics(_of_shape(things, shape), shape)
        counts: Mapping[str, Mapping[str, int]] = label_counts(_of_shape(things, shape), shape)
    else:
        per_label = {label: [each] for label, each in class_statistics(_sentences(images)).items()}
        counts = _class_counts(_sentences(images))
    answered = [each.document for each in images if each.document and each.document["usage"]]
    return RunFigures(
        run=run,
        judged=images,
        outcomes={outcome: sum(each.outcome == outcome for each in images) for outcome in ImageOutcome},
        figures=resampling.figures(statistics, len(images)),
        labels={label: resampling.figures(_Combined(parts), len(images)) for label, parts in per_label.items()},
        counts=counts,
        confusion=Counter(each.confused for each in _sentences(images) if each.confused),
        other_labels=other_labels(images),
        seconds={f"p{level}": float(np.percentile(times, level)) if times else None for level in (50, 95)},
        usd=sum(_usd(each) or 0.0 for each in images),
        unpriced=sum(list_price_usd(document) is None for document in answered),
        comparison=comparison,
    )


def _class_counts(images: Sequence[ScoresOfImage]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for each in images:
        for label, (right, wrong, missed) in each.labels.items():
            counts.setdefault(label, Counter()).update(right=right, wrong=wrong, missed=missed)
    return dict(sorted(counts.items()))


def verdict(name: str, difference: Figure) -> str:
    """Return `better`, `worse` or `open` for a figure of a run against the first one's."""
    if name in LESS_IS_BETTER:
        return {"higher": "worse", "lower": "better", "open": "open"}[difference.verdict]
    return {"higher": "better", "lower": "worse", "open": "open"}[difference.verdict]


def as_document(evaluation: Evaluation, *, complete: bool) -> dict[str, Any]:
    """Return everything as one JSON document (`uplook.evaluation/1`)."""
    labelled, truth = evaluation.labelled, evaluation.labelled.truth
    return {
        "schema": "uplook.evaluation/1",
        "complete": complete,
        "truth": {
            "file": str(labelled.path),
            "images": len(truth.images),
            "objects": sum(len(image.objects) for image in truth.images),
            "labels": list(truth.labels),
            "classes": list(truth.classes),
        },
        "label_matching": {"objects": labelled.labels.stated, "classes": labelled.classes.stated},
        "bootstrap": {
            "level": LEVEL,
            "resamples": evaluation.resampling.resamples,
            "seed": evaluation.resampling.seed,
            "unit": "image",
        },
        "runs": [
            {"name": run.name, "where": run.where, "older": evaluation.older.get(run.name, 0)}
            for run in evaluation.runs
        ],
        "tasks": {each.task: _task_document(each) for each in evaluation.tasks},
        **({"pycocotools": evaluation.pycocotools} if evaluation.pycocotools else {}),
    }


def _task_document(task: TaskFigures) -> dict[str, Any]:
    return {"images": task.images, "runs": {run.run: _run_document(run) for run in task.runs}}


def _run_document(run: RunFigures) -> dict[str, Any]:
    document: dict[str, Any] = {
        "outcomes": dict(run.outcomes),
        "figures": {name: _figure(each) for name, each in run.figures.items()},
        "seconds": dict(run.seconds),
        "usd": round(run.usd, 8),
        "unpriced": run.unpriced,
        "labels": {
            label: {**run.counts.get(label, {}), "figures": {name: _figure(each) for name, each in figures.items()}}
            for label, figures in run.labels.items()
        },
        "other_labels": dict(Counter(run.other_labels).most_common()),
        "images": [
            {
                "file_name": each.image.file_name,
                "outcome": each.outcome,
                "quality": round(each.quality, 6),
                "result": (each.document or {}).get("id"),
            }
            for each in run.judged
        ],
    }
    if run.confusion:
        document["confusion"] = [
            {"true": true, "said": said, "images": count}
            for (true, said), count in Counter(run.confusion).most_common()
        ]
    if run.comparison is not None:
        document["against_first"] = {
            "figures": {
                name: _figure(each) | {"verdict": verdict(name, each)}
                for name, each in run.comparison.differences.items()
            },
            "images": {
                "better": run.comparison.better,
                "same": run.comparison.same,
                "worse": run.comparison.worse,
            },
        }
    return document


def _figure(figure: Figure) -> dict[str, Any]:
    return {"value": _rounded(figure.value), "low": _rounded(figure.low), "high": _rounded(figure.high)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 10)
