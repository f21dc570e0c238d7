"""Which models the rules ask, what is wrong with them today, and what is asked in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile, successors
from shared.core.gemini.service import caution, may_be_off, refusal, stand_in
from shared.core.planning.rules import merged
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.gemini.service import Service
    from shared.core.planning.choices import Level
    from shared.core.planning.rules import Rules


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model that a task really asks today.

    `replaced` says, where it is not the one that was named, why. `refused` says why nothing can be asked: the event is
    held until the deployment is mended.
    """

    model: str
    replaced: str | None = None
    refused: str | None = None


def model_to_ask(task: str, model: str, service: Service) -> ModelChoice:
    """Return what to ask for a task, of which the rules or the event name this model.

    A task's own default is never held back: its successor is asked from the first day on which it may be shut down. So
    is that of every other model where the deployment says so. Only these images are concerned, whatever is found.
    """
    named = profile(model)
    if task not in TASKS:  # it was removed while its events were on their way: whoever ends one needs no model
        return ModelChoice(model)
    if (service.use_successors or _is_default(task, model, service)) and may_be_off(named, service):
        instead = stand_in(named, service)
        if instead is not None:
            return ModelChoice(instead.id, replaced=_replaced(model, instead.id, service))
    return ModelChoice(model, refused=refusal(named, service))


def refusals(rules: Rules, service: Service) -> list[str]:
    """Return which models of these rules are not answered today, each behind its place: their images are held."""
    found = ((place, model_to_ask(task, model, service).refused) for place, task, model in _asked(rules))
    return list(dict.fromkeys(f"{place}: {reason}" for place, reason in found if reason))


def cautions(rules: Rules, service: Service) -> list[str]:
    """Return what an operator should know about the models of these rules, each behind its place."""
    found: dict[str, None] = {}
    for place, task, model in _asked(rules):
        choice = model_to_ask(task, model, service)
        reason = choice.replaced or (None if choice.refused else caution(profile(model), service))
        if reason is not None:
            found[f"{place}: {reason}"] = None
    return [*found, *dict.fromkeys(_without_masks(rules))]


def maskless(task: str, model: str) -> str | None:
    """Return what to know where a task wants masks of a model that gives none, or None."""
    if not TASKS[task].wants_masks or profile(model).masks != "none":
        return None
    return (
        f"{model} is not known to give masks: {task} would get boxes at best, and pay for them;"
        f" name a model that gives masks, such as {TASKS[task].model}"
    )


def _is_default(task: str, model: str, service: Service) -> bool:
    """Whether a task's own model is named, or one that was asked in its place before."""
    own = profile(TASKS[task].model)
    return model == own.id or any(model == each.id for each in successors(own, service.backend))


def _replaced(model: str, instead: str, service: Service) -> str:
    return f"{model} is shut down by {service.name}, or may be: {instead} is asked in its place"


def _asked(rules: Rules) -> Iterator[tuple[str, str, str]]:
    """Yield place, task and model: all that the file names, and each task's own where it is in force."""
    for place, model, tasks in rules.models():
        yield from ((place, task, model) for task in tasks)
    for task in TASKS.values():
        if rules.defaults.of(task.name).model is None:
            yield f"the default of {task.name}", task.name, task.model


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
