"""Task rules: what `rules.toml` says, checked, and what it means for one object. Precedence: see that file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from shared.core.delivery.interpret import MAX_ASKS
from shared.core.errors import SettingsError
from shared.core.events.envelopes import BATCH_LANE
from shared.core.gemini.registry import MEDIA_RESOLUTIONS, THINKING_LEVELS
from shared.core.planning.budgets import read_budgets
from shared.core.planning.choices import OF_AN_OBJECT, Choices, Level, TaskChoices
from shared.core.planning.metadata import MAX_LABELS, from_metadata
from shared.core.planning.metadata import SETTINGS as METADATA_SETTINGS
from shared.core.replies.texts import MAX_LABEL
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.prompts import template_problem
from shared.core.values import MAX_ITEMS, MAX_MASK_THRESHOLD, MAX_TEMPERATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from shared.core.delivery.budget import Ceiling

_SELECTORS = ("bucket", "prefix")

HARM_CATEGORIES = tuple(
    f"HARM_CATEGORY_{name}"
    for name in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")
)
HARM_THRESHOLDS = ("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF")
LANES = ("now", BATCH_LANE)
_OF_ALL_TASKS = (
    "model",
    "thinking",
    "temperature",
    "system_instruction",
    "media_resolution",
    "safety",
    "language",
    "max_bytes",
)
_OF_SOME_TASKS = ("labels", "max_items", "question", "mask_threshold", "soft_masks", "crops")
GENERAL_KEYS = (*OF_AN_OBJECT, *_OF_ALL_TASKS, *_OF_SOME_TASKS)


@dataclass(frozen=True, slots=True)
class Rule:
    """Choices for the objects of a bucket (None: any) below a prefix."""

    bucket: str | None
    prefix: str
    choices: Choices


@dataclass(frozen=True, slots=True)
class Rules:
    """The whole rules file."""

    defaults: Choices
    rules: tuple[Rule, ...] = ()
    budgets: tuple[Ceiling, ...] = ()

    def levels_for(
        self, bucket: str, name: str, metadata: Mapping[str, str]
    ) -> tuple[tuple[Level, ...], tuple[str, ...]]:
        """Return who has a say about one object, the last word last, and warnings about its metadata."""
        levels = [Level("defaults", self.defaults)]
        levels += [Level(f"rules[{index}]", self.rules[index].choices) for index in self.matching(bucket, name)]
        own, warnings = from_metadata(metadata, merged(levels))
        return (*levels, Level("metadata", own)), warnings

    def matching(self, bucket: str, name: str) -> tuple[int, ...]:
        """Return which of the rules are about an object, by their numbers."""
        return tuple(
            index
            for index, rule in enumerate(self.rules)
            if rule.bucket in (None, bucket) and name.startswith(rule.prefix)
        )

    def choices_for(self, bucket: str, name: str, metadata: Mapping[str, str]) -> tuple[Choices, tuple[str, ...]]:
        """Return what is wanted for one object, and warnings about metadata that made no sense."""
        levels, warnings = self.levels_for(bucket, name, metadata)
        return merged(levels), warnings

    def levels(self) -> tuple[Level, ...]:
        """Return every level of the file, the defaults first."""
        numbered = (Level(f"rules[{index}]", rule.choices) for index, rule in enumerate(self.rules))
        return (Level("defaults", self.defaults), *numbered)

    def budgets_for(self, bucket: str, name: str) -> tuple[Ceiling, ...]:
        """Return the budgets that an object counts for; several where their prefixes lie within each other."""
        return tuple(each for each in self.budgets if each.scope and each.scope.covers(bucket, name))

    def models(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield every model that the file names, with its place and the tasks that it is named for."""
        for level in self.levels():
            place, choices = level.place, level.choices
            if choices.for_all.model:
                others = tuple(task for task in TASKS if not choices.for_task.get(task, TaskChoices()).model)
                yield f"{place}.model", choices.for_all.model, others
            for task, each in choices.for_task.items():
                if each.model:
                    yield f"{place}.{task}.model", each.model, (task,)


def merged(levels: Iterable[Level]) -> Choices:
    """Return what the levels say together."""
    return reduce(Choices.overlaid, (level.choices for level in levels), Choices())


def parse_rules(text: str) -> Rules:
    """Read a rules file.

    Raises:
        SettingsError: with every problem found, each naming its place.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The rules file is not TOML: {error}.") from error
    problems: list[str] = [
        f"{key}: expected [defaults], [[rules]] and [[budgets]] only"
        for key in document
        if key not in {"defaults", "rules", "budgets"}
    ]
    defaults = _choices(document.get("defaults", {}), "defaults", problems)
    rules = _rules(document.get("rules", []), problems)
    budgets = read_budgets(document.get("budgets", []), problems)
    if problems:
        raise SettingsError("The rules file cannot be used:\n" + "\n".join(f"  - {line}" for line in problems))
    return Rules(defaults, rules, budgets)


def _rules(tables: Any, problems: list[str]) -> tuple[Rule, ...]:
    if not isinstance(tables, list):
        problems.append("rules: expected [[rules]], in double brackets")
        return ()
    chosen = [_choices(table, f"rules[{index}]", problems) for index, table in enumerate(tables)]
    if problems:
        return ()
    return tuple(
        Rule(table.get("bucket"), table.get("prefix", ""), choices)
        for table, choices in zip(tables, chosen, strict=True)
    )


def _choices(table: Any, place: str, problems: list[str]) -> Choices:
    if not isinstance(table, dict):
        problems.append(f"{place}: expected a table, found {table!r}")
        return Choices()
    selectors = () if place == "defaults" else _SELECTORS
    problems += [
        f"{place}.{key}: expected a text, found {table[key]!r}"
        for key in selectors
        if not isinstance(table.get(key, ""), str)
    ]
    general = {key: value for key, value in table.items() if key not in (*TASKS, *selectors)}
    tables = f"or a task's table ({', '.join(TASKS)})"
    said = _said(general, place, problems, keys=GENERAL_KEYS, others=(*selectors, *GENERAL_KEYS, tables))
    for_task = {task: _task_choices(table[task], task, f"{place}.{task}", problems) for task in TASKS if task in table}
    of_object = {key: said.pop(key) for key in OF_AN_OBJECT if key in said}
    return Choices(**of_object, for_all=TaskChoices(**said), for_task=for_task)


def _task_choices(table: Any, task: str, place: str, problems: list[str]) -> TaskChoices:
    if not isinstance(table, dict):
        problems.append(f"{place}: expected a table of settings for this task, found {table!r}")
        return TaskChoices()
    keys = task_keys(task)
    return TaskChoices(**_said(table, place, problems, keys=keys, others=keys, task=task))


def _said(
    table: Mapping[str, Any],
    place: str,
    problems: list[str],
    *,
    keys: Collection[str],
    others: Collection[str],
    task: str | None = None,
) -> dict[str, Any]:
    """Return what a table says under `keys`; `others` is what is offered in place of an unknown key."""
    said: dict[str, Any] = {}
    for key, value in table.items():
        if key not in keys:
            problems.append(f"{place}.{key}: expected one of {', '.join(others)}")
        elif (problem := value_problem(key, value, task=task)) is not None:
            problems.append(f"{place}.{key}: expected {problem}, found {value!r}")
        else:
            said[key] = _as_said(key, value)
    return said


def _as_said(key: str, value: Any) -> Any:
    """Return a value in the form that settings have it in: 1 and 1.0 are one temperature, and give one key."""
    if isinstance(value, list):
        return tuple(tuple(each) if isinstance(each, list) else each for each in value)
    return float(value) if key == "temperature" else value


def task_keys(task: str) -> tuple[str, ...]:
    """Return the keys that the table of one task may have."""
    return ("prompt", *_OF_ALL_TASKS, *TASKS[task].takes)


def value_problem(key: str, value: Any, *, task: str | None) -> str | None:
    """Return what is expected of a key's value where it is something else, or None."""
    if key == "prompt":
        return _prompt_problem(value, task or "")
    return _CHECKS[key](value)


def _prompt_problem(value: Any, task: str) -> str | None:
    allowed, needed = TASKS[task].placeholders, TASKS[task].needs
    if not isinstance(value, str) or not value.strip():
        return "a text"
    return template_problem(value, allowed=allowed, needed=needed)


def _tasks_problem(value: Any) -> str | None:
    fine = isinstance(value, list) and all(isinstance(word, str) and word in TASKS for word in value)
    return None if fine else f"a list of some of {', '.join(TASKS)}"


def _uploader_settings_problem(value: Any) -> str | None:
    fine = isinstance(value, list) and all(isinstance(word, str) and word in METADATA_SETTINGS for word in value)
    return None if fine else f"a list of some of {', '.join(METADATA_SETTINGS)}"


def _groups_problem(value: Any) -> str | None:
    groups = value if isinstance(value, list) and all(isinstance(each, list) for each in value) else None
    named = [word for group in groups or () for word in group]
    known = all(isinstance(word, str) and word in TASKS for word in named)
    fine = groups is not None and known and all(len(group) > 1 for group in groups) and len(set(named)) == len(named)
    return None if fine else f"a list of lists of two or more of {', '.join(TASKS)}, each task once"


def _max_calls_problem(value: Any) -> str | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= MAX_ASKS
    return None if fine else f"a whole number from {MAX_ASKS}: a task may call the model {MAX_ASKS} times"


def _labels_problem(value: Any) -> str | None:
    if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
        return "a list of texts"
    if len(value) > MAX_LABELS or any(len(word) > MAX_LABEL for word in value):
        return f"at most {MAX_LABELS} texts of at most {MAX_LABEL} characters"
    return None if len(set(value)) == len(value) else "a list of different texts"


def _text_problem(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "a text"


def _flag_problem(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _positive_problem(value: Any) -> str | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return None if fine else "a whole number above 0"


def _whole_number(least: int, most: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        fine = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        return None if fine else f"a whole number from {least} to {most}"

    return problem


def _temperature_problem(value: Any) -> str | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_TEMPERATURE
    return None if fine else f"a number from 0 to {MAX_TEMPERATURE}"


def _word_of(words: tuple[str, ...]) -> Callable[[Any], str | None]:
    return lambda value: None if value in words else f"one of {', '.join(words)}"


def _safety_problem(value: Any) -> str | None:
    if not isinstance(value, dict) or any(category not in HARM_CATEGORIES for category in value):
        return f"a table of categories among {', '.join(HARM_CATEGORIES)}"
    fine = all(threshold in HARM_THRESHOLDS for threshold in value.values())
    return None if fine else f"thresholds among {', '.join(HARM_THRESHOLDS)}"


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "tasks": _tasks_problem,
    "exclude": _flag_problem,
    "uploader_tasks": _tasks_problem,
    "uploader_settings": _uploader_settings_problem,
    "max_calls": _max_calls_problem,
    "together": _groups_problem,
    "lane": _word_of(LANES),
    "labels": _labels_problem,
    "multi_label": _flag_problem,
    "question": _text_problem,
    "language": _text_problem,
    "max_items": _whole_number(1, MAX_ITEMS),
    "max_bytes": _positive_problem,
    "model": _text_problem,
    "thinking": _word_of(THINKING_LEVELS),
    "temperature": _temperature_problem,
    "system_instruction": _text_problem,
    "media_resolution": _word_of(MEDIA_RESOLUTIONS),
    "safety": _safety_problem,
    "mask_threshold": _whole_number(0, MAX_MASK_THRESHOLD),
    "soft_masks": _flag_problem,
    "crops": _flag_problem,
}
