"""Task rules: what `rules.toml` says, checked, and what it means for one object. Precedence: see that file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from shared.core.errors import SettingsError
from shared.core.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METADATA_PREFIX = "uplook-"
_SELECTORS = ("bucket", "prefix")


@dataclass(frozen=True, slots=True)
class Choices:
    """What is wanted for one object. None means: not said at this level."""

    tasks: tuple[str, ...] | None = None
    exclude: bool | None = None
    labels: tuple[str, ...] | None = None
    language: str | None = None
    max_items: int | None = None
    max_bytes: int | None = None
    models: Mapping[str, str] | None = None

    def overlaid(self, other: Choices) -> Choices:
        """Return these choices with everything the other one says in their place (models: per task)."""
        said = {f.name: value for f in fields(other) if (value := getattr(other, f.name)) is not None}
        if other.models is not None:
            said["models"] = {**(self.models or {}), **other.models}
        return replace(self, **said)


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

    def choices_for(self, bucket: str, name: str, metadata: Mapping[str, str]) -> tuple[Choices, tuple[str, ...]]:
        """Return what is wanted for one object, and warnings about metadata that made no sense."""
        chosen = self.defaults
        for rule in self.rules:
            if rule.bucket in (None, bucket) and name.startswith(rule.prefix):
                chosen = chosen.overlaid(rule.choices)
        own, warnings = _from_metadata(metadata)
        return chosen.overlaid(own), warnings


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
    return Rules(Choices(tasks=(), max_items=25, max_bytes=50_000_000).overlaid(defaults), rules)


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
    said: dict[str, Any] = {}
    for key, value in table.items():
        if key in _SELECTORS and place != "defaults":
            if not isinstance(value, str):
                problems.append(f"{place}.{key}: expected a text, found {value!r}")
        elif key not in _CHECKS:
            problems.append(f"{place}.{key}: expected one of {', '.join(_CHECKS)}")
        elif (problem := _CHECKS[key](value)) is not None:
            problems.append(f"{place}.{key}: expected {problem}, found {value!r}")
        else:
            said[key] = tuple(value) if isinstance(value, list) else value
    return Choices(**said)


def _from_metadata(metadata: Mapping[str, str]) -> tuple[Choices, tuple[str, ...]]:
    said: dict[str, Any] = {}
    warnings = []
    for key, value in metadata.items():
        name = key.lower()
        if not name.startswith(METADATA_PREFIX):
            continue
        choice = name.removeprefix(METADATA_PREFIX)
        read, expected = _METADATA.get(choice, _UNKNOWN_KEY)
        meant, complete = read(value)
        if not complete:
            warnings.append(f"metadata {name}: expected {expected}, found {value!r}")
        # What says nothing usable leaves the rules in force: a slip must not silently switch everything off.
        if meant:
            said[choice] = meant
    return Choices(**said), tuple(warnings)


def _metadata_tasks(value: str) -> tuple[tuple[str, ...], bool]:
    words, _ = _metadata_labels(value.lower())
    known = tuple(word for word in words if word in TASKS)
    return known, bool(words) and known == words


def _metadata_labels(value: str) -> tuple[tuple[str, ...], bool]:
    words = tuple(word.strip() for word in value.split(",") if word.strip())
    return words, bool(words)


def _metadata_language(value: str) -> tuple[str, bool]:
    return value.strip(), bool(value.strip())


_TASK_LIST = "some of " + ", ".join(TASKS)

# How each key is read (what it means, and whether all of it could be understood), and what is expected of it.
_METADATA: Mapping[str, tuple[Callable[[str], tuple[tuple[str, ...] | str, bool]], str]] = {
    "tasks": (_metadata_tasks, _TASK_LIST),
    "labels": (_metadata_labels, "labels, separated by commas"),
    "language": (_metadata_language, "a language"),
}
_UNKNOWN_KEY = (lambda _: ("", False), "a key among " + ", ".join(METADATA_PREFIX + name for name in _METADATA))


def _tasks_problem(value: Any) -> str | None:
    fine = isinstance(value, list) and all(isinstance(word, str) and word in TASKS for word in value)
    return None if fine else f"a list of {_TASK_LIST}"


def _texts_problem(value: Any) -> str | None:
    fine = isinstance(value, list) and all(isinstance(word, str) and word.strip() for word in value)
    return None if fine else "a list of texts"


def _positive_problem(value: Any) -> str | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return None if fine else "a whole number above 0"


def _models_problem(value: Any) -> str | None:
    fine = isinstance(value, dict) and all(
        key in TASKS and isinstance(model, str) and model for key, model in value.items()
    )
    return None if fine else "a table of task = model id"


_CHECKS = {
    "tasks": _tasks_problem,
    "exclude": lambda value: None if isinstance(value, bool) else "true or false",
    "labels": _texts_problem,
    "language": lambda value: None if isinstance(value, str) and value.strip() else "a text",
    "max_items": _positive_problem,
    "max_bytes": _positive_problem,
    "models": _models_problem,
}
