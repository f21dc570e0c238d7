"""What each key of a rules file may say, and in which table it may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.planning.metadata import MAX_LABELS
from shared.core.replies.parsing import MAX_LABEL
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.prompts import template_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

THINKING_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
MEDIA_RESOLUTIONS = ("low", "medium", "high", "ultra_high")
HARM_CATEGORIES = tuple(
    f"HARM_CATEGORY_{name}"
    for name in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")
)
HARM_THRESHOLDS = ("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF")

_OF_ALL_TASKS = ("model", "thinking", "system_instruction", "media_resolution", "safety", "language", "max_bytes")
_OF_SOME_TASKS = ("labels", "max_items", "question")
GENERAL_KEYS = ("tasks", "exclude", *_OF_ALL_TASKS, *_OF_SOME_TASKS)


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
    "labels": _labels_problem,
    "multi_label": _flag_problem,
    "question": _text_problem,
    "language": _text_problem,
    "max_items": _positive_problem,
    "max_bytes": _positive_problem,
    "model": _text_problem,
    "thinking": _word_of(THINKING_LEVELS),
    "system_instruction": _text_problem,
    "media_resolution": _word_of(MEDIA_RESOLUTIONS),
    "safety": _safety_problem,
}
