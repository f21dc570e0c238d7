"""Write the text of an answer: by the schema, or as the models write it when they are free to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .labels import asked_for
from .sentences import NO_IMAGE, answer, caption
from .structured_output import Facts, fill, mask_value
from .tasks import Task, guess_task
from .vision.analysis import Analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Model
    from .requests import GenerateRequest
    from .vision.analysis import Region

NOTHING_SEEN = Analysis(
    digest="",
    width=0,
    height=0,
    kind="text",
    tones=(),
    brightness="",
    texture="",
    regions=(),
    faces=0,
)


def write_answer(request: GenerateRequest, model: Model, analyses: Sequence[Analysis]) -> str:
    """Return the answer's text; boxes and masks are those of the first image."""
    first = analyses[0] if analyses else NOTHING_SEEN
    if request.schema is not None:
        return _by_schema(request, model, analyses)
    task = guess_task(request)
    if task in {Task.DETECT, Task.SEGMENT} and analyses:
        regions = asked_for(first.regions, request.prompt) if first.detector else first.regions
        return _listing(_entries(regions, model, masks=task is Task.SEGMENT), bare=request.wants_json)
    if task is Task.CLASSIFY and analyses:
        return json.dumps(list(first.tags)) if request.wants_json else ", ".join(first.tags)
    text = answer(request.prompt, analyses) if task is Task.ASK else caption(analyses)
    return json.dumps({"answer" if task is Task.ASK else "caption": text}) if request.wants_json else text


def write_thought(analyses: Sequence[Analysis]) -> str:
    """Return the summary of thoughts of a request that asked to see them."""
    if named := [region.label for each in analyses for region in each.things]:
        return f"Looked for things that have names, and found {', '.join(dict.fromkeys(named))}."
    seen = sum(len(each.regions) for each in analyses)
    return f"Compared colours and edges; {seen} regions stand out." if analyses else NO_IMAGE


def _by_schema(request: GenerateRequest, model: Model, analyses: Sequence[Analysis]) -> str:
    facts = Facts(
        analysis=analyses[0] if analyses else NOTHING_SEEN,
        caption=caption(analyses),
        answer=answer(request.prompt, analyses),
        mask=model.mask,
    )
    value = fill(request.schema or {}, facts)
    plain = request.response_type == "text/x.enum" and isinstance(value, str)
    return value if plain else json.dumps(value, ensure_ascii=False)


def _entries(regions: Sequence[Region], model: Model, *, masks: bool) -> list[dict[str, Any]]:
    return [
        {"box_2d": list(region.box)}
        | ({"mask": mask_value(region, model.mask)} if masks else {})
        | {"label": region.label}
        for region in regions
    ]


def _listing(entries: list[dict[str, Any]], *, bare: bool) -> str:
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    text = f"[\n{lines}\n]" if entries else "[]"
    # Without a JSON type asked for, the models put their list in a fence, whatever the prompt says.
    return text if bare else f"```json\n{text}\n```"
