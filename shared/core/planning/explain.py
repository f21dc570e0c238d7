"""Why an upload gets what it gets: the plan of `planning`, with whoever decided each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.events.manifest import is_manifest
from shared.core.gemini.registry import profile
from shared.core.planning.asks import OF_A_REQUEST
from shared.core.planning.model_checks import maskless
from shared.core.planning.plan import EXCLUDED, beyond_calls, plan, why_not
from shared.core.planning.rules import merged, task_keys
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.events.envelopes import ImageEvent, Upload
    from shared.core.gemini.service import Service
    from shared.core.planning.choices import Level
    from shared.core.planning.rules import Rules
    from shared.core.values import TaskSettings

BY_DEFAULT = "default"
"""Who decides what no rule and no metadata speaks of."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One setting of a task as it will be used, and the place that decided it."""

    setting: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What one task will do, or why it is `left_out`."""

    task: str
    decisions: tuple[Decision, ...] = ()
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one upload. `places` had a say, the last word last; `left_out` is set where nothing happens."""

    places: tuple[str, ...]
    tasks: tuple[TaskPlan, ...]
    left_out: str | None = None
    warnings: tuple[str, ...] = ()


def explain(upload: Upload, rules: Rules, service: Service) -> Explanation:
    """Return what ingest would do with an upload, and why."""
    planned = plan(upload, rules, run="plan", service=service)
    source = upload.source
    levels, _ = rules.levels_for(source.bucket, source.name, upload.metadata)
    choices = merged(levels)
    left_out = planned.left_out
    if left_out == EXCLUDED:
        left_out = f"{left_out} ({_last(levels, 'exclude')})"
    views = {view.task: view for event in planned.events for view in event.views()}

    def left(task: str) -> str:
        if is_manifest(source.name):
            return "a manifest is a question: it gets the task ask, and no other"
        if task not in (choices.tasks or ()):
            return f"not among the tasks wanted ({_last(levels, 'tasks')})"
        beyond = task in planned.beyond
        return why_not(task, choices) or (beyond_calls(choices) if beyond else "nothing happens to this object")

    tasks = (
        TaskPlan(task, (*_shared(views[task], levels), *_decisions(views[task], levels)))
        if task in views
        else TaskPlan(task, left_out=left(task))
        for task in TASKS
    )
    held = (f"{task}: it will be held: {reason}" for task, reason in planned.held.items())
    warnings = (*planned.warnings, *held, *(text for view in views.values() for text in _expected(view)))
    return Explanation(tuple(level.place for level in levels), tuple(tasks), left_out, warnings)


def _expected(event: ImageEvent) -> Iterator[str]:
    """Yield what can be told beforehand of a worker's result, and is no concern of ingest's."""
    size, most = event.source.size, event.settings.max_bytes
    if size is not None and size > most and not is_manifest(event.source.name):
        yield f"{event.task}: it has {size:,} bytes, and max_bytes is {most:,}: the worker will refuse it"
    reason = maskless(event.task, event.settings.model)
    if reason is not None:
        yield f"{event.task}: {reason}"


def _shared(view: ImageEvent, levels: Sequence[Level]) -> tuple[Decision, ...]:
    """Return which other tasks one call does with this one, if any."""
    others = ", ".join(task for task in view.tasks if task != view.task)
    return (Decision("in one call with", others, _last(levels, "together")),) if others else ()


def _decisions(view: ImageEvent, levels: Sequence[Level]) -> tuple[Decision, ...]:
    task, settings = view.task, view.settings
    keys = [key for key in task_keys(task) if getattr(settings, key) or _is_number(getattr(settings, key))]
    places = {key: _place(key, task, levels) for key in keys}
    if task != view.tasks[0] and _last(levels, "together") != BY_DEFAULT:
        followed = [key for key in OF_A_REQUEST if places.get(key) == BY_DEFAULT]
        places |= dict.fromkeys(followed, f"as {view.tasks[0]}")
    return tuple(Decision(key, _value(key, settings), places[key]) for key in keys)


def _is_number(value: object) -> bool:
    """Whether a value says something even if it is 0."""
    return isinstance(value, int) and not isinstance(value, bool)


def _value(key: str, settings: TaskSettings) -> str:
    if key == "thinking":  # the event carries what is wanted; each model is asked for what it takes
        return profile(settings.model).thinks(settings.thinking)
    return _text(getattr(settings, key))


def _place(key: str, task: str, levels: Sequence[Level]) -> str:
    """Return the last place that says this of the task: its own table before what is said for all."""
    for level in reversed(levels):
        named = level.choices.for_task.get(task)
        if named is not None and getattr(named, key) is not None:
            return f"{level.place}.{task}.{key}"
        if getattr(level.choices.for_all, key) is not None:
            return f"{level.place}.{key}"
    return BY_DEFAULT


def _last(levels: Sequence[Level], key: str) -> str:
    said = (f"{level.place}.{key}" for level in reversed(levels) if getattr(level.choices, key) is not None)
    return next(said, BY_DEFAULT)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(each) if isinstance(each, tuple) else str(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
