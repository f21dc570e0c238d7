"""Resolved task settings as JSON and back: part of every image event, of its key, and of failed results."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.core import json_fields
from shared.core.values import TaskSettings

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
        raise json_fields.malformed("settings", "an object", value)
    return TaskSettings(
        model=json_fields.text(value, "model"),
        prompt=json_fields.text(value, "prompt"),
        thinking=json_fields.text(value, "thinking"),
        max_items=json_fields.count(value, "max_items"),
        max_bytes=json_fields.count(value, "max_bytes"),
        labels=_labels(value.get("labels")),
        question=json_fields.optional_text(value, "question"),
        language=json_fields.optional_text(value, "language"),
        multi_label=_multi_label(value.get("multi_label")),
        system_instruction=json_fields.optional_text(value, "system_instruction"),
        media_resolution=json_fields.optional_text(value, "media_resolution"),
        safety=_safety(value.get("safety")),
    )


def _labels(found: Any) -> tuple[str, ...]:
    labels = [] if found is None else found
    if not isinstance(labels, list) or not all(json_fields.is_text(label) for label in labels):
        raise json_fields.malformed("settings.labels", "a list of texts", labels)
    return tuple(labels)


def _multi_label(found: Any) -> bool:
    if found is not None and not isinstance(found, bool):
        raise json_fields.malformed("settings.multi_label", "true or false", found)
    return bool(found)


def _safety(found: Any) -> tuple[tuple[str, str], ...]:
    table = {} if found is None else found
    if not isinstance(table, dict) or not all(json_fields.is_text(word) for pair in table.items() for word in pair):
        raise json_fields.malformed("settings.safety", "an object of texts", found)
    return tuple(sorted(table.items()))
