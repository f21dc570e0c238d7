"""What tasks that share an ask say together: which of them are asked for, one prompt, one schema, one limit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shared.core.replies.spellings import plain
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.response_schemas import json_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.registry import ModelProfile


def asked_for(tasks: Iterable[str]) -> tuple[str, ...]:
    """Return those tasks that a call must ask for: the answers to the others are within theirs.

    >>> asked_for(["segment", "detect", "caption"])
    ('segment', 'caption')
    """
    wanted = tuple(tasks)
    return tuple(task for task in wanted if _within(task) not in wanted)


def answering(task: str, asked: Iterable[str]) -> str | None:
    """Return which of the tasks that were asked for answers this one: itself, or the one that holds it; or None."""
    found = tuple(asked)
    return next((each for each in (task, _within(task)) if each in found), None)


def _within(task: str) -> str | None:
    return TASKS[task].within if task in TASKS else None


def keys_of(view: ImageEvent, model: ModelProfile) -> tuple[str, ...] | None:
    """Return the members that a task's answer has in a JSON object, or None where it is asked for no such object."""
    schema = TASKS[view.task].schema(model, view.settings)
    properties = (schema or {}).get("properties")
    return tuple(properties) if properties else None


def can_share(views: Sequence[ImageEvent], model: ModelProfile) -> bool:
    """Whether one JSON object can hold the answers to all of these tasks: each has members, and none has another's."""
    members = [keys_of(view, model) for view in views]
    named = Counter(plain(key) for keys in members for key in keys or ())
    return all(members) and all(count == 1 for count in named.values())


def prompt_of(views: Sequence[ImageEvent], model: ModelProfile, *, additions: Mapping[str, str]) -> str:
    """Return the prompt for these tasks: that of a single one as it is; `additions` are what to add, by task."""
    prompts = [_with_addition(view.settings.prompt, additions.get(view.task)) for view in views]
    if len(prompts) == 1:
        return prompts[0]
    keys = ", ".join(f'"{key}"' for view in views for key in keys_of(view, model) or ())
    numbered = "\n\n".join(f"{number}. {prompt}" for number, prompt in enumerate(prompts, 1))
    return (
        "Do each of the following for itself, and give all of it in one single JSON object, which has every one of"
        f" these keys: {keys}.\n\n{numbered}"
    )


def _with_addition(prompt: str, addition: str | None) -> str:
    return f"{prompt} {addition}" if addition else prompt


def schema_of(views: Sequence[ImageEvent], model: ModelProfile) -> Mapping[str, Any] | None:
    """Return the schema of the answer to these tasks, in their order; None where the model is to be asked without."""
    schemas = [TASKS[view.task].schema(model, view.settings) for view in views]
    if len(schemas) == 1:
        return schemas[0]
    properties: dict[str, Any] = {}
    for schema in schemas:
        properties |= (schema or {}).get("properties", {})
    return json_object(**properties)


def answer_tokens(views: Sequence[ImageEvent], model: ModelProfile) -> int:
    """Return how many tokens the longest sensible answer to these tasks takes, thoughts aside."""
    return sum(tokens_of(view, model) for view in views)


def tokens_of(view: ImageEvent, model: ModelProfile) -> int:
    """Return how many tokens the longest sensible answer to one task takes."""
    task = TASKS[view.task]
    drawn = task.wants_masks and model.masks == "png"
    per_item = task.tokens_per_png if drawn else task.tokens_per_item
    return task.answer_tokens + per_item * view.settings.max_items
