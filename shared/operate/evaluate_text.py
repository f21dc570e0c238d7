"""The figures of an evaluation as text for a terminal of 80 columns."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from shared.core.evaluation.outcomes import ImageOutcome
from shared.operate.evaluate_report import FEW_IMAGES, verdict
from shared.operate.tables import printable, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.evaluation.resampling import Figure
    from shared.operate.evaluate_report import Evaluation, RunFigures, TaskFigures

COLUMNS: Final = 80
_BESIDE: Final = 2
"""Runs that fit into a row with their intervals."""
_LONGEST_LABEL: Final = 24
_MOST_LABELS: Final = 20
_MOST_NAMED: Final = 5
NOT_SHOWN: Final = frozenset(
    {"mAP75", "mask_mAP75", "unnamed_precision", "unnamed_recall", "mask_unnamed_precision", "mask_unnamed_recall"}
)
"""Figures that only JSON has."""
_TWO_DIGITS: Final = frozenset({"seconds"})
_FOUR_DIGITS: Final = frozenset({"usd_per_1000"})


def as_text(evaluation: Evaluation) -> str:
    """Return all tables."""
    return "\n".join(line for part in _parts(evaluation) for line in part.splitlines()) + "\n"


def _parts(evaluation: Evaluation) -> Iterator[str]:
    labelled, truth = evaluation.labelled, evaluation.labelled.truth
    objects = sum(len(image.objects) for image in truth.images)
    yield _wrapped(f"truth: {labelled.path}, {len(truth.images)} images, {objects} objects")
    for run in evaluation.runs:
        older = evaluation.older.get(run.name, 0)
        yield _wrapped(f"{run.name}: {run.where}{f' ({older} older results left out)' if older else ''}")
    stated = labelled.labels.stated if truth.labels else labelled.classes.stated
    yield _wrapped(f"labels match: {stated}")
    yield _wrapped(
        f"intervals: 95 %, {evaluation.resampling.resamples} samples of the images, seed {evaluation.resampling.seed}"
    )
    for task in evaluation.tasks:
        yield from _task(task)
    for task_name, runs in evaluation.pycocotools.items():
        for run_name, values in runs.items():
            told = ", ".join(f"{name} {_shown(value, name)}" for name, value in values.items())
            yield _wrapped(f"pycocotools, {task_name}, {run_name}: {told}")


def _task(task: TaskFigures) -> Iterator[str]:
    few = f": fewer than {FEW_IMAGES}, so the intervals are too narrow" if task.images < FEW_IMAGES else ""
    yield f"\n{task.task}, {task.images} images{few}"
    for begun in range(0, len(task.runs), _BESIDE):
        yield _figures(task.runs[begun : begun + _BESIDE])
    for run in task.runs:
        if run.comparison is not None:
            yield _comparison(run, task.runs[0].run)
    for begun in range(0, len(task.runs), _BESIDE):
        yield _labels(task.runs[begun : begun + _BESIDE])
    for run in task.runs:
        yield from _remarks(run)
    yield _worst(task)


def _figures(runs: Sequence[RunFigures]) -> str:
    names = [name for name in dict.fromkeys(name for run in runs for name in run.figures) if name not in NOT_SHOWN]
    rows = [
        [name, *(cell for run in runs for cell in _cells(run.figures.get(name), name))]
        for name in names
        if any(run.figures[name].value is not None for run in runs if name in run.figures)
    ]
    rows += [
        [outcome, *(cell for run in runs for cell in (str(run.outcomes[outcome]), ""))]
        for outcome in ImageOutcome
        if any(run.outcomes[outcome] for run in runs)
    ]
    rows += [
        [f"seconds {level}", *(cell for run in runs for cell in (_shown(run.seconds[level], "seconds"), ""))]
        for level in ("p50", "p95")
        if any(run.seconds[level] is not None for run in runs)
    ]
    return table(["", *(cell for run in runs for cell in (run.run, "95 % interval"))], rows)


def _comparison(run: RunFigures, first: str) -> str:
    assert run.comparison is not None  # noqa: S101 - the caller has looked
    rows = [
        [name, *_cells(each, name, signed=True), verdict(name, each)]
        for name, each in run.comparison.differences.items()
        if each.value is not None and name not in NOT_SHOWN
    ]
    compared = run.comparison
    told = (
        f"{run.run} against {first}: {compared.better} images better, {compared.same} the same, {compared.worse} worse"
    )
    return f"{_wrapped(told)}\n{table(['difference', '', '95 % interval', ''], rows)}"


def _labels(runs: Sequence[RunFigures]) -> str:
    labels = sorted({label for run in runs for label in run.counts}, key=lambda label: (-_there(runs, label), label))
    if not labels:
        return ""
    rows = [
        [_cut(label), str(_there(runs, label)), *(cell for run in runs for cell in _label_cells(run, label))]
        for label in labels[:_MOST_LABELS]
    ]
    header = [cell for run in runs for cell in (f"{run.run}: P", "R", "F1")]
    more = f"\n({len(labels) - _MOST_LABELS} more labels: --json)" if len(labels) > _MOST_LABELS else ""
    return table(["label", "there", *header], rows) + more


def _there(runs: Sequence[RunFigures], label: str) -> int:
    counts = next((run.counts[label] for run in runs if label in run.counts), {})
    return counts.get("right", 0) + counts.get("missed", 0)


def _label_cells(run: RunFigures, label: str) -> list[str]:
    figures = run.labels.get(label, {})
    return [_shown(figures[name].value, name) if name in figures else "-" for name in ("precision", "recall", "F1")]


def _remarks(run: RunFigures) -> Iterator[str]:
    wrong = [(pair, count) for pair, count in Counter(run.confusion).most_common() if pair[0] != pair[1]]
    if wrong:
        told = ", ".join(f"{_cut(true)} taken for {_cut(said)} {count}" for (true, said), count in wrong[:_MOST_NAMED])
        yield _wrapped(f"{run.run}: {told}")
    others = Counter(run.other_labels).most_common(_MOST_NAMED)
    if others:
        told = ", ".join(f"{_cut(label)} {count}" for label, count in others)
        yield _wrapped(f"{run.run}: labels that none of the truth matches: {told}")
    if run.unpriced:
        yield _wrapped(f"{run.run}: {run.unpriced} answers by models of unknown price are not part of the dollars")


def _worst(task: TaskFigures) -> str:
    order = worst_first(task)[:_MOST_NAMED]
    names = [[task.runs[0].judged[place].image.file_name] for place in order]
    rows = [
        [_cut(name, 50), *(f"{run.judged[place].quality:.2f}" for run in task.runs[:_BESIDE])]
        for place, [name] in zip(order, names, strict=True)
    ]
    return table(["worst pictures", *(run.run for run in task.runs[:_BESIDE])], rows)


def worst_first(task: TaskFigures) -> list[int]:
    """Return the places of a task's images, those first that the runs together did worst."""
    totals = [sum(run.judged[place].quality for run in task.runs) for place in range(task.images)]
    return sorted(range(task.images), key=lambda place: (totals[place], place))


def _cells(figure: Figure | None, name: str, *, signed: bool = False) -> list[str]:
    if figure is None or figure.value is None:
        return ["-", ""]
    plus = "+" if signed and figure.value > 0 else ""
    interval = "" if figure.low is None else f"{_shown(figure.low, name)} to {_shown(figure.high, name)}"
    return [f"{plus}{_shown(figure.value, name)}", interval]


def _shown(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    digits = 2 if name in _TWO_DIGITS else 4 if name in _FOUR_DIGITS else 3
    return f"{value:.{digits}f}"


def _cut(text: str, longest: int = _LONGEST_LABEL) -> str:
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _wrapped(text: str) -> str:
    return "\n".join(wrap(printable(text), COLUMNS, subsequent_indent="  ", break_on_hyphens=False)) or ""
