"""The page of an evaluation: one HTML file that needs nothing beside it, the worst pictures first.

Everything on it was said by a model, an uploader or a labelled set: all of it is escaped, and the page forbids itself
scripts and anything from elsewhere.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from shared.core.evaluation.objects import ObjectsOfImage
from shared.operate.evaluate_pictures import found_shapes, true_shapes
from shared.operate.evaluate_report import FEW_IMAGES, verdict
from shared.operate.evaluate_text import NOT_SHOWN, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from shared.core.evaluation.judging import JudgedImage
    from shared.core.evaluation.resampling import Figure
    from shared.operate.evaluate_pictures import PictureReader, SmallPicture
    from shared.operate.evaluate_report import Evaluation, RunFigures, TaskFigures

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fbfbf9; --card: #fff; --line: #d5d9df; --soft: #59636f;
  --right: #0b6e3a; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --paper: #14181d; --card: #1d232a; --line: #39424d;
  --soft: #a3adb8; --right: #6fd49b; --wrong: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding-bottom: .25rem; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td + td, th + th { white-space: nowrap; }
.better, .good { color: var(--right); } .worse, .bad { color: var(--wrong); }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem; margin: 1rem 0; }
.side { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); }
figure { margin: 0; min-width: 0; } figcaption { font-size: .9rem; color: var(--soft); margin-bottom: .25rem; }
svg { display: block; width: 100%; height: auto; background: var(--line) center / 100% 100% no-repeat; }
svg rect { fill: none; stroke: #1fd07a; stroke-width: 2; vector-effect: non-scaling-stroke; }
svg .m { fill: #1fd07a; fill-opacity: .35; stroke: none; }
svg .true rect { stroke: #4da3ff; } svg .true .m { fill: #4da3ff; }
svg .wrong rect { stroke: #ff5a4d; stroke-dasharray: 7 4; } svg .wrong .m { fill: #ff5a4d; }
svg .missed rect { stroke: #ffd43b; stroke-dasharray: 2 3; } svg .missed .m { fill: #ffd43b; fill-opacity: .2; }
svg text { fill: #fff; stroke: #000; stroke-width: .2em; paint-order: stroke; font-family: system-ui, sans-serif; }
blockquote { margin: 0; padding-left: .7rem; border-left: 3px solid var(--line); white-space: pre-wrap; }
summary { cursor: pointer; font-weight: 600; }
"""
_HEAD: Final = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src'
    " 'unsafe-inline'\"><title>Evaluation</title>"
)


def write_page(path: Path, evaluation: Evaluation, pictures: PictureReader, *, most: int) -> int:
    """Write the page with up to `most` pictures of each task, and return its size in bytes."""
    data = "".join(_page(evaluation, pictures, most)).encode(errors="replace")
    path.write_bytes(data)
    return len(data)


def _page(evaluation: Evaluation, pictures: PictureReader, most: int) -> Iterator[str]:
    places = {each.task: worst_first(each)[:most] for each in evaluation.tasks}
    shown: dict[int, SmallPicture] = {}
    for task in evaluation.tasks:
        for place in places[task.task]:
            judged = [run.judged[place] for run in task.runs]
            known = next((each for each in judged if each.document), judged[0])
            number = known.image.number
            if number not in shown or shown[number].address is None:
                shown[number] = pictures.small(known)
    yield f"{_HEAD}<style>{_STYLE}"
    for number, picture in shown.items():
        if picture.address:
            yield f".p{number}{{background-image:url({picture.address})}}\n"
    yield "</style></head><body><main>"
    yield from _head(evaluation)
    for task in evaluation.tasks:
        yield from _task(task, places[task.task], shown)
    yield "</main></body></html>\n"


def _head(evaluation: Evaluation) -> Iterator[str]:
    labelled, truth = evaluation.labelled, evaluation.labelled.truth
    yield f"<h1>Evaluation</h1><p>{len(truth.images)} images of {escape(str(labelled.path))}.</p><ul>"
    for run in evaluation.runs:
        yield f"<li><b>{escape(run.name)}</b>: {escape(run.where)}</li>"
    stated = labelled.labels.stated if truth.labels else labelled.classes.stated
    samples = evaluation.resampling.resamples
    yield f"</ul><p class=soft>Labels match: {escape(stated)}. Intervals are of 95 %, by {samples} samples of images."
    yield " Things match from an overlap of 0.5 on. The truth is blue. Of a run, what is right is green,"
    yield " what is not there red with dashes, and what it missed yellow with dots.</p><nav><ul>"
    for task in evaluation.tasks:
        yield f'<li><a href="#{escape(task.task)}">{escape(task.task)}</a></li>'
    yield "</ul></nav>"


def _task(task: TaskFigures, places: Sequence[int], shown: Mapping[int, SmallPicture]) -> Iterator[str]:
    few = f": fewer than {FEW_IMAGES}, so the intervals are too narrow" if task.images < FEW_IMAGES else ""
    yield f'<section><h2 id="{escape(task.task)}">{escape(task.task)}</h2><p class=soft>{task.images} images{few}.</p>'
    yield from _figures(task)
    for run in task.runs:
        yield from _comparison(run, task.runs[0].run)
    yield f"<h3>The {len(places)} worst pictures of {task.images}</h3>"
    for place in places:
        yield from _picture([(run.run, run.judged[place]) for run in task.runs], shown)
    yield "</section>"


def _figures(task: TaskFigures) -> Iterator[str]:
    yield '<div class=scroll tabindex="0"><table><caption>Figures</caption><tr><th scope=col>figure</th>'
    yield "".join(f"<th scope=col>{escape(run.run)}</th><th scope=col>95 % interval</th>" for run in task.runs)
    yield "</tr>"
    for name in dict.fromkeys(name for run in task.runs for name in run.figures):
        figures = [run.figures.get(name) for run in task.runs]
        if name not in NOT_SHOWN and any(each and each.value is not None for each in figures):
            cells = "".join(f"<td>{_value(each)}</td><td class=soft>{_interval(each)}</td>" for each in figures)
            yield f"<tr><th scope=row>{escape(name)}</th>{cells}</tr>"
    for outcome in task.runs[0].outcomes:
        if any(run.outcomes[outcome] for run in task.runs):
            cells = "".join(f"<td>{run.outcomes[outcome]}</td><td></td>" for run in task.runs)
            yield f"<tr><th scope=row>{escape(outcome)}</th>{cells}</tr>"
    yield "</table></div>"


def _comparison(run: RunFigures, first: str) -> Iterator[str]:
    if run.comparison is None:
        return
    compared = run.comparison
    yield f"<details><summary>{escape(run.run)} against {escape(first)}: {compared.better} images better,"
    yield f" {compared.same} the same, {compared.worse} worse</summary>"
    yield '<div class=scroll tabindex="0"><table><tr><th scope=col>figure</th>'
    yield "<th scope=col>difference</th><th scope=col>95 % interval</th><th scope=col>so it is</th></tr>"
    for name, each in compared.differences.items():
        if each.value is not None and name not in NOT_SHOWN:
            word = verdict(name, each)
            yield f"<tr><th scope=row>{escape(name)}</th><td>{_value(each)}</td><td class=soft>{_interval(each)}</td>"
            yield f"<td class={word}>{word}</td></tr>"
    yield "</table></div></details>"


def _picture(judged: Sequence[tuple[str, JudgedImage]], shown: Mapping[int, SmallPicture]) -> Iterator[str]:
    first = judged[0][1]
    picture = shown[first.image.number]
    yield f"<article><h3>{escape(first.image.file_name)}</h3>"
    if picture.address is None:
        yield f"<p class=soft>No picture: {escape(picture.reason)}</p>"
    yield "<div class=side>"
    things = isinstance(first.scores, ObjectsOfImage)
    truth = _svg(first, true_shapes(first), "what is there") if things else _svg(first, "", "the picture")
    yield f"<figure><figcaption>truth</figcaption>{truth}{'' if things else _true_words(first)}</figure>"
    for run, each in judged:
        told = f"{run}: {each.quality:.2f}{'' if each.outcome == 'answered' else f', {each.outcome}'}"
        yield f"<figure><figcaption>{escape(told)}</figcaption>"
        yield _svg(each, found_shapes(each), f"what {run} found") if things else _said_words(each)
        yield f"{_error(each)}</figure>"
    yield "</div></article>"


def _svg(each: JudgedImage, shapes: str, told: str) -> str:
    width, height = each.image.width, each.image.height
    return (
        f'<svg class="p{each.image.number}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(told)}">'
        f"{shapes}</svg>"
    )


def _true_words(each: JudgedImage) -> str:
    image = each.image
    task = (each.document or {}).get("task")
    answers = [f"{answer.question or 'Any question:'} {' / '.join(answer.accepted)}" for answer in image.answers]
    said = {"read": image.lines, "classify": image.classes, "caption": image.captions, "ask": answers}
    words = said.get(task or "", (*image.classes, *image.captions, *answers, *image.lines))
    return _quoted(words)


def _said_words(each: JudgedImage) -> str:
    document = each.document or {}
    words = [document.get("caption"), document.get("answer")]
    words += [entry.get("label") for entry in document.get("classes") or ()]
    words += [item.get("text") for item in document.get("items") or ()]
    return _quoted([word for word in words if word])


def _quoted(words: Sequence[str]) -> str:
    if not words:
        return "<p class=soft>nothing</p>"
    return f"<blockquote>{escape(chr(10).join(words))}</blockquote>"


def _error(each: JudgedImage) -> str:
    error = (each.document or {}).get("error")
    return f"<p class=bad>{escape(error['code'])}: {escape(error['message'])}</p>" if error else ""


def _value(figure: Figure | None) -> str:
    return "-" if figure is None or figure.value is None else f"{figure.value:.3f}"


def _interval(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:.3f} to {figure.high:.3f}"
