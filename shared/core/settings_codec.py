"""Resolved task settings as JSON and back: part of every image event, of its key, and of failed results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.core import members
from shared.core.model import TaskSettings

# Left out where they say nothing: events of before they existed, and their keys, stay what they were.
_SAID_ONLY_IF_SET = ("multi_label", "system_instruction", "media_resolution", "safety")


def settings_document(settings: TaskSettings) -> dict[str, Any]:
    """Return resolved settings as JSON."""
    document = {**asdict(settings), "labels": list(settings.labels), "safety": dict(settings.safety)}
    return {key: value for key, value in document.items() if value or key not in _SAID_ONLY_IF_SET}


def parse_settings(value: Any) -> TaskSettings:
    """Read resolved settings.

    Raises:
        EventRejectedError: they are malformed.
    """
    if not isinstance(value, dict):
        raise members.malformed("settings", "an object", value)
    return TaskSettings(
        model=members.text(value, "model"),
        prompt=members.text(value, "prompt"),
        thinking=members.text(value, "thinking"),
        max_items=members.count(value, "max_items"),
        max_bytes=members.count(value, "max_bytes"),
        labels=_labels(value.get("labels")),
        question=members.optional_text(value, "question"),
        language=members.optional_text(value, "language"),
        multi_label=_multi_label(value.get("multi_label")),
        system_instruction=members.optional_text(value, "system_instruction"),
        media_resolution=members.optional_text(value, "media_resolution"),
        safety=_safety(value.get("safety")),
    )


def _labels(found: Any) -> tuple[str, ...]:
    labels = [] if found is None else found
    if not isinstance(labels, list) or not all(members.is_text(label) for label in labels):
        raise members.malformed("settings.labels", "a list of texts", labels)
    return tuple(labels)


def _multi_label(found: Any) -> bool:
    if found is not None and not isinstance(found, bool):
        raise members.malformed("settings.multi_label", "true or false", found)
    return bool(found)


def _safety(found: Any) -> tuple[tuple[str, str], ...]:
    table = {} if found is None else found
    if not isinstance(table, dict) or not all(members.is_text(word) for pair in table.items() for word in pair):
        raise members.malformed("settings.safety", "an object of texts", found)
    return tuple(sorted(table.items()))
