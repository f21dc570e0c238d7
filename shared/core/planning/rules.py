"""Task rules: what `rules.toml` says, checked, and what it means for one object. Precedence: see that file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from shared.core.errors import SettingsError
from shared.core.planning._rule_checks import GENERAL_KEYS, task_keys, value_problem
from shared.core.planning.choices import Choices, Level, TaskChoices
from shared.core.planning.metadata import from_metadata
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_SELECTORS = ("bucket", "prefix")


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

    def levels_for(
        self, bucket: str, name: str, metadata: Mapping[str, str]
    ) -> tuple[tuple[Level, ...], tuple[str, ...]]:
        """Return who has a say about one object, the last word last, and warnings about its metadata."""
        levels = [Level("defaults", self.defaults)]
        levels += [
            Level(f"rules[{index}]", rule.choices)
            for index, rule in enumerate(self.rules)
            if rule.bucket in (None, bucket) and name.startswith(rule.prefix)
        ]
        own, warnings = from_metadata(metadata, merged(levels))
        return (*levels, Level("metadata", own)), warnings

    def choices_for(self, bucket: str, name: str, metadata: Mapping[str, str]) -> tuple[Choices, tuple[str, ...]]:
        """Return what is wanted for one object, and warnings about metadata that made no sense."""
        levels, warnings = self.levels_for(bucket, name, metadata)
        return merged(levels), warnings

    def levels(self) -> tuple[Level, ...]:
        """Return every level of the file, the defaults first."""
        numbered = (Level(f"rules[{index}]", rule.choices) for index, rule in enumerate(self.rules))
        return (Level("defaults", self.defaults), *numbered)

    def models(self) -> Iterator[tuple[str, str]]:
        """Yield every model that the file names, behind its place: `("defaults.detect.model", "gemini-…")`."""
        for level in self.levels():
            place, choices = level.place, level.choices
            tables = {place: choices.for_all} | {f"{place}.{task}": each for task, each in choices.for_task.items()}
            yield from ((f"{where}.model", each.model) for where, each in tables.items() if each.model)


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
        f"{key}: expected [defaults] and [[rules]] only" for key in document if key not in {"defaults", "rules"}
    ]
    defaults = _choices(document.get("defaults", {}), "defaults", problems)
    rules = _rules(document.get("rules", []), problems)
    if problems:
        raise SettingsError("The rules file cannot be used:\n" + "\n".join(f"  - {line}" for line in problems))
    return Rules(defaults, rules)


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
    return Choices(said.pop("tasks", None), said.pop("exclude", None), TaskChoices(**said), for_task)


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
            said[key] = tuple(value) if isinstance(value, list) else value
    return said
