"""What is wanted for one object, level by level: each level says some of it, and the last one that speaks wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True, slots=True)
class TaskChoices:
    """How a task is to be done. None: not said at this level."""

    model: str | None = None
    thinking: str | None = None
    temperature: float | None = None
    prompt: str | None = None
    system_instruction: str | None = None
    media_resolution: str | None = None
    safety: Mapping[str, str] | None = None
    labels: tuple[str, ...] | None = None
    multi_label: bool | None = None
    question: str | None = None
    language: str | None = None
    max_items: int | None = None
    max_bytes: int | None = None
    mask_threshold: int | None = None
    soft_masks: bool | None = None
    crops: bool | None = None

    def overlaid(self, other: TaskChoices) -> TaskChoices:
        """Return these choices with everything the other one says in their place."""
        said = {name: getattr(other, name) for name in SETTINGS if getattr(other, name) is not None}
        return replace(self, **said)


SETTINGS = tuple(each.name for each in fields(TaskChoices))


@dataclass(frozen=True, slots=True)
class Choices:
    """Which tasks are wanted, and how: `for_all` of them, and more particularly `for_task`.

    Of what uploads may cause, only rules speak: the tasks (beyond `tasks`) and the settings that metadata and manifests
    may choose, and the most model calls of one upload. None: all of them, or any number.

    `together` are groups of tasks that one call is to answer. None: detect with segment, where both are asked alike.
    `lane` says whether an upload may wait for a batch job (`batch`) or is asked about at once (`now`, and None).
    """

    tasks: tuple[str, ...] | None = None
    exclude: bool | None = None
    for_all: TaskChoices = field(default_factory=TaskChoices)
    for_task: Mapping[str, TaskChoices] = field(default_factory=dict)
    uploader_tasks: tuple[str, ...] | None = None
    uploader_settings: tuple[str, ...] | None = None
    max_calls: int | None = None
    together: tuple[tuple[str, ...], ...] | None = None
    lane: str | None = None

    def of(self, task: str) -> TaskChoices:
        """Return how one task is to be done."""
        return self.for_all.overlaid(self.for_task.get(task, TaskChoices()))

    def overlaid(self, other: Choices) -> Choices:
        """Return these choices with everything the other one says in their place.

        What the other one says for all tasks also replaces what these say for one: the later level wins.
        """
        named = {task: choices.overlaid(other.for_all) for task, choices in self.for_task.items()}
        named |= {task: named.get(task, TaskChoices()).overlaid(choices) for task, choices in other.for_task.items()}
        said = {name: getattr(other, name) for name in OF_AN_OBJECT if getattr(other, name) is not None}
        return replace(self, **said, for_all=self.for_all.overlaid(other.for_all), for_task=named)

    def uploads_may_have(self, task: str) -> bool:
        """Whether an uploader may choose a task: one that the rules want anyway costs nothing more."""
        return self.uploader_tasks is None or task in (*self.uploader_tasks, *(self.tasks or ()))

    def uploads_may_set(self, setting: str) -> bool:
        """Whether an uploader may choose a setting."""
        return self.uploader_settings is None or setting in self.uploader_settings


OF_AN_OBJECT = tuple(each.name for each in fields(Choices) if each.name not in {"for_all", "for_task"})
"""What is said of an object as a whole."""


@dataclass(frozen=True, slots=True)
class Level:
    """One voice in the choice, by its place: `defaults`, `rules[2]`, `metadata`."""

    place: str
    choices: Choices
