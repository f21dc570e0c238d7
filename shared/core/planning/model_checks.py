"""Which models the rules ask, and what is wrong with them today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.gemini.registry import caution, profile, refusal, unserved
from shared.core.planning.rules import merged
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from shared.core.gemini.limits import BackendName
    from shared.core.planning.choices import Level
    from shared.core.planning.rules import Rules


def problems(rules: Rules, *, today: dt.date, backend: BackendName) -> list[str]:
    """Return why nothing must be planned by these rules today, each behind its place."""
    asked = ((place, profile(model)) for place, model in _asked(rules))
    reasons = ((place, refusal(model, today) or unserved(model, backend)) for place, model in asked)
    return [f"{place}: {reason}" for place, reason in reasons if reason]


def cautions(rules: Rules, *, today: dt.date) -> list[str]:
    """Return what an operator should know about the models of these rules, each behind its place."""
    found = [f"{place}: {reason}" for place, model in _asked(rules) if (reason := caution(profile(model), today))]
    return [*found, *dict.fromkeys(_without_masks(rules))]


def maskless(task: str, model: str) -> str | None:
    """Return what to know where a task wants masks of a model that gives none, or None."""
    if not TASKS[task].wants_masks or profile(model).masks != "none":
        return None
    return (
        f"{model} is not known to give masks: {task} would get boxes at best, and pay for them;"
        f" name a model that gives masks, such as {TASKS[task].model}"
    )


def _asked(rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield every model that the file names, and every task's own where the file's defaults leave it in force."""
    yield from rules.models()
    for task in TASKS.values():
        if rules.defaults.of(task.name).model is None:
            yield f"the default of {task.name}", task.model


def _without_masks(rules: Rules) -> Iterator[str]:
    """Yield every place whose model gives no masks where these are wanted: by the defaults, or by them and one rule."""
    defaults, *others = rules.levels()
    for levels in ((defaults,), *((defaults, each) for each in others)):
        choices = merged(levels)
        for task in choices.tasks or ():
            model = choices.of(task).model
            reason = maskless(task, model) if model else None
            if reason is not None:
                yield f"{_naming(task, levels)}: {reason}"


def _naming(task: str, levels: Sequence[Level]) -> str:
    """Return the last place that names the task's model."""
    level = next(each for each in reversed(levels) if each.choices.of(task).model)
    named = level.choices.for_task.get(task)
    return f"{level.place}.{task}.model" if named is not None and named.model else f"{level.place}.model"
