"""What an uploader says in an object's own metadata.

Nobody vouches for it: it can choose what is asked, within limits, and never how. No model, no prompt, no safety
settings, no more items than the rules allow; of tasks and settings, those that the rules leave to uploads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shared.core.planning.choices import Choices, TaskChoices
from shared.core.replies.texts import MAX_LABEL
from shared.core.tasks import ask
from shared.core.tasks.catalogue import TASKS
from shared.core.values import MAX_LANGUAGE, MAX_MASK_THRESHOLD, MAX_QUESTION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "uplook-"
MAX_LABELS = 200
_TASKS = "tasks"
_TOGETHER, _NONE = "together", "none"

_Value = tuple[str, ...] | tuple[tuple[str, ...], ...] | str | int


@dataclass(frozen=True, slots=True)
class _ParsedValue:
    """What a value means (None: nothing usable), and whether all of it could be used."""

    value: _Value | None
    complete: bool


def from_metadata(metadata: Mapping[str, str], chosen: Choices) -> tuple[Choices, tuple[str, ...]]:
    """Return what the metadata chooses on top of what the rules have `chosen`, and warnings about what made no sense.

    A question alone turns the task ask on; beside a list of tasks, the list decides.
    """
    said: dict[str, Any] = {}
    warnings = []
    for key, text in metadata.items():
        name = key.lower()
        if not name.startswith(PREFIX):
            continue
        read, expected = _READERS.get(name.removeprefix(PREFIX), _UNKNOWN_KEY)
        found = read(text)
        if not found.complete:
            warnings.append(f"metadata {name}: expected {expected}, found {_shown(text)}")
        # What says nothing usable leaves the rules in force: a slip must not silently switch everything off.
        setting = name.removeprefix(PREFIX).replace("-", "_")
        if found.value is not None and setting != _TASKS and not chosen.uploads_may_set(setting):
            warnings.append(f"metadata {name}: the rules do not leave it to uploads (uploader_settings)")
        elif found.value is not None:
            said[setting] = found.value
    tasks = _wanted(said.pop(_TASKS, None), chosen, warnings, asks="question" in said)
    together = said.pop(_TOGETHER, None)
    own = Choices(tasks=tasks, together=together, for_all=TaskChoices(**said))
    capped, more = _capped(own, chosen)
    return capped, (*warnings, *more)


def _wanted(
    tasks: tuple[str, ...] | None, chosen: Choices, warnings: list[str], *, asks: bool
) -> tuple[str, ...] | None:
    """Return the tasks that an uploader chooses (None: says nothing of them), and warn of what it cannot have."""
    if tasks is not None:
        tasks = _permitted(tasks, chosen, warnings) or None
    if not asks:
        return tasks
    if tasks is None and chosen.uploads_may_have(ask.TASK.name):
        return tuple(dict.fromkeys((*(chosen.tasks or ()), ask.TASK.name)))
    if tasks is None:
        warnings.append(f"metadata {PREFIX}question: not asked, because the rules leave ask to no upload")
    elif ask.TASK.name not in tasks:
        warnings.append(f"metadata {PREFIX}question: not asked, because ask is not among {PREFIX}tasks")
    return tasks


def _permitted(tasks: tuple[str, ...], chosen: Choices, warnings: list[str]) -> tuple[str, ...]:
    """Return those tasks that the rules leave to uploads, and warn of the others."""
    refused = [task for task in tasks if not chosen.uploads_may_have(task)]
    if refused:
        warnings.append(
            f"metadata {PREFIX}tasks: the rules do not leave {', '.join(refused)} to uploads (uploader_tasks)"
        )
    return tuple(task for task in tasks if task not in refused)


def _capped(own: Choices, chosen: Choices) -> tuple[Choices, tuple[str, ...]]:
    """Hold the uploader's `max_items` to what the rules allow each task."""
    wish = own.for_all.max_items
    if wish is None:
        return own, ()
    most = {task: chosen.of(task).max_items or TASKS[task].max_items for task in TASKS}
    named = {task: TaskChoices(max_items=min(wish, limit)) for task, limit in most.items()}
    capped = replace(own, for_all=replace(own.for_all, max_items=None), for_task=named)
    lowest = min(most.values())
    if wish <= lowest:
        return capped, ()
    return capped, (f"metadata {PREFIX}max-items: the rules allow {lowest} items, {wish} are wanted",)


def _tasks(text: str) -> _ParsedValue:
    words = _words(text.lower())
    known = tuple(word for word in words if word in TASKS)
    return _ParsedValue(known or None, bool(words) and known == words)


def _groups(text: str) -> _ParsedValue:
    """Groups are separated by semicolons, their tasks by commas; `none` keeps every task apart."""
    if text.strip().lower() == _NONE:
        return _ParsedValue((), complete=True)
    groups = tuple(group for part in text.lower().split(";") if (group := _words(part)))
    named = [word for group in groups for word in group]
    fine = bool(groups) and all(word in TASKS for word in named) and len(set(named)) == len(named)
    return _ParsedValue(groups if fine else None, fine)


def _labels(text: str) -> _ParsedValue:
    words = tuple(dict.fromkeys(_words(text)))
    fine = 0 < len(words) <= MAX_LABELS and all(len(word) <= MAX_LABEL for word in words)
    return _ParsedValue(words if fine else None, fine)


def _text(longest: int) -> Callable[[str], _ParsedValue]:
    def read(text: str) -> _ParsedValue:
        bare = text.strip()
        fine = 0 < len(bare) <= longest
        return _ParsedValue(bare if fine else None, fine)

    return read


def _number(least: int, most: int) -> Callable[[str], _ParsedValue]:
    def read(text: str) -> _ParsedValue:
        bare = text.strip()
        decimal = bare.isascii() and bare.isdecimal() and len(bare) <= 9  # noqa: PLR2004 - no huge one
        fine = decimal and least <= int(bare) <= most
        return _ParsedValue(int(bare) if fine else None, fine)

    return read


def _flag(text: str) -> _ParsedValue:
    said = {"true": True, "false": False}.get(text.strip().lower())
    return _ParsedValue(said, said is not None)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _shown(text: str) -> str:
    return repr(text[:200])


# How each key is read, and what is expected of it.
_READERS: Mapping[str, tuple[Callable[[str], _ParsedValue], str]] = {
    "tasks": (_tasks, "some of " + ", ".join(TASKS)),
    "labels": (_labels, f"labels, separated by commas: at most {MAX_LABELS} of at most {MAX_LABEL} characters"),
    "question": (_text(MAX_QUESTION), f"a question of at most {MAX_QUESTION} characters"),
    "language": (_text(MAX_LANGUAGE), f"a language in at most {MAX_LANGUAGE} characters"),
    "max-items": (_number(1, 10**9), "a whole number above 0"),
    "mask-threshold": (_number(0, MAX_MASK_THRESHOLD), f"a whole number from 0 to {MAX_MASK_THRESHOLD}"),
    "soft-masks": (_flag, "true or false"),
    "crops": (_flag, "true or false"),
    _TOGETHER: (_groups, f"tasks, separated by commas and groups of them by semicolons, each task once; or {_NONE}"),
}
SETTINGS = tuple(name.replace("-", "_") for name in _READERS if name != _TASKS)
"""What rules may leave to uploads, by the names that rules have for it."""

_UNKNOWN_KEY = (
    lambda _: _ParsedValue(None, complete=False),
    "a key among " + ", ".join(PREFIX + name for name in _READERS),
)
