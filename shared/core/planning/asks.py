"""Which tasks of an image share a call of the model: asks are made of the tasks that are wanted.

An ask has a leading task: the one with the longest answer. Others join it where whatever a request says only once is
the same for both. In groups that somebody has written down (`together`), a task follows the leading one in what it
leaves unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from shared.core.events.envelopes import AskPart, ImageEvent
from shared.core.gemini.registry import profile
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.model_checks import maskless
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common import joint
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.core.values import TaskSettings

    Resolve = Callable[[str, Choices], tuple[TaskSettings, tuple[str, ...]]]
    """Gives the settings of a task, and warnings about wishes that cannot be had."""

_ANY: Final = Source("any", "any.jpg", 1)

BY_DEFAULT: Final = tuple((task.name, task.within) for task in TASKS.values() if task.within)
"""The groups where nobody says anything: tasks whose answer is within another's."""

OF_A_REQUEST: Final = (
    "model",
    "thinking",
    "temperature",
    "system_instruction",
    "media_resolution",
    "safety",
    "max_bytes",
)
"""What a request says once, whatever it asks for."""

_OF_AN_ANSWER: Final = ("labels", "max_items", "max_items_set", "language")
"""What must agree, too, for one answer to be within another; the rest is about what is made of it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The tasks of one call, the leading one first; `warnings` is what to know about their settings."""

    parts: tuple[AskPart, ...]
    warnings: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(part.task for part in self.parts)

    def event(self, source: Source, *, run: str, lane: str | None = None) -> ImageEvent:
        """Return the image event of this ask."""
        leading, parts = self.parts[0], self.parts if len(self.parts) > 1 else ()
        return ImageEvent(source, leading.task, leading.settings, run, parts=parts, lane=lane)


def into_asks(tasks: Sequence[str], choices: Choices, resolve: Resolve) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    """Return the asks for these tasks, in the order of their first ones, and warnings about groups that cannot be."""
    asks: list[Ask] = []
    warnings: list[str] = []
    left = list(dict.fromkeys(tasks))
    while left:
        ask = _ask(_group(left, choices), choices, resolve, warnings)
        asks.append(ask)
        left = [task for task in left if task not in ask.tasks]
    return tuple(asks), tuple(dict.fromkeys(warnings))


def _group(left: Sequence[str], choices: Choices) -> tuple[str, ...]:
    """Return the tasks that may share the ask of the first one that is left."""
    groups = BY_DEFAULT if choices.together is None else choices.together
    group = next((each for each in groups if left[0] in each), (left[0],))
    return tuple(task for task in left if task in group)


def _ask(group: Sequence[str], choices: Choices, resolve: Resolve, warnings: list[str]) -> Ask:
    """Return the ask of the first task of a group, with those others that can join it."""
    resolved = {task: resolve(task, choices) for task in group}
    leading = max(group, key=lambda task: _length(task, resolved[task][0]))
    taken, told = [AskPart(leading, resolved[leading][0])], list(resolved[leading][1])
    left_out = set[str]()
    for task in (each for each in group if each != leading):
        settings, clamped = resolved[task]
        if choices.together is not None:
            settings, clamped = resolve(task, _following(task, choices, taken[0].settings))
        reason = _why_apart(AskPart(task, settings), taken, choices)
        if reason is None:
            taken.append(AskPart(task, settings))
            told += clamped
            continue
        left_out.add(task)
        if choices.together is not None:
            warnings.append(f"together: {task} is asked apart from {leading}: {reason}")
    if group[0] in left_out:  # it is its turn: those that it was to join come behind it
        return Ask((AskPart(group[0], resolved[group[0]][0]),), resolved[group[0]][1])
    return Ask(tuple(taken), tuple(dict.fromkeys(told)))


def _length(task: str, settings: TaskSettings) -> tuple[bool, int]:
    """Return what tells the leading task: masks first, then the longest answer."""
    return TASKS[task].wants_masks, joint.tokens_of(_view(AskPart(task, settings)), profile(settings.model))


def _following(task: str, choices: Choices, leading: TaskSettings) -> Choices:
    """Return choices in which a task follows the leading one in what it leaves unsaid."""
    wish = choices.of(task)
    led = TaskChoices(**{key: getattr(leading, key) for key in OF_A_REQUEST if key != "safety"})
    led = replace(led, safety=dict(leading.safety) or None)
    return Choices(for_task={task: led.overlaid(wish)})


def _why_apart(part: AskPart, taken: Sequence[AskPart], choices: Choices) -> str | None:
    """Return why a task cannot join those that are taken, or None."""
    leading = taken[0]
    for key in OF_A_REQUEST:
        own, others = getattr(part.settings, key), getattr(leading.settings, key)
        if own != others:
            return f"its {key} is {own or 'unset'}, and that of {leading.task} is {others or 'unset'}"
    holder = next((each for each in taken if each.task == TASKS[part.task].within), None)
    if holder is not None:
        return next(_unlike(part, holder, choices), None)
    model = profile(leading.settings.model)
    asked = joint.asked_for((*(each.task for each in taken), part.task))
    views = [_view(each) for each in (*taken, part) if each.task in asked]
    return None if joint.can_share(views, model) else "one JSON object cannot hold both answers"


def _unlike(part: AskPart, holder: AskPart, choices: Choices) -> Iterator[str]:
    """Yield why the answer to a task is not within that of another."""
    for each in (part, holder):
        if choices.of(each.task).prompt is not None:
            yield f"{each.task} has a prompt of its own"
    for key in _OF_AN_ANSWER:
        if getattr(part.settings, key) != getattr(holder.settings, key):
            yield f"its {key} is not that of {holder.task}"
    reason = maskless(holder.task, holder.settings.model)
    if reason is not None:
        yield reason


def _view(part: AskPart) -> ImageEvent:
    return ImageEvent(_ANY, part.task, part.settings, "any")
