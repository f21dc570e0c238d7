"""What happens to an upload: a pure decision from the event alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core import jsontext
from shared.core.envelopes import ImageEvent, settings_document
from shared.core.registry import profile
from shared.core.tasks import TASKS, TaskSettings, resolve_prompt

if TYPE_CHECKING:
    from shared.core.envelopes import Upload
    from shared.core.rules import Choices, Rules

_IMAGE_SUFFIXES = frozenset(
    ("avif", "bmp", "gif", "heic", "heif", "hif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp")
)
_UNSAID_TYPES = frozenset({None, "", "application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The image events to publish for an upload, or why there are none."""

    events: tuple[ImageEvent, ...] = ()
    left_out: str | None = None
    warnings: tuple[str, ...] = ()


def plan(upload: Upload, rules: Rules, *, run: str) -> Plan:
    """Decide which tasks an upload gets."""
    source = upload.source
    if source.name.endswith("/"):
        return Plan(left_out="a folder placeholder")
    if not looks_like_image(source.name, source.content_type):
        return Plan(left_out=f"not an image by name or content type ({source.content_type or 'none given'})")
    choices, warnings = rules.choices_for(source.bucket, source.name, upload.metadata)
    if choices.exclude:
        return Plan(left_out="excluded by a rule", warnings=warnings)
    if not choices.tasks:
        return Plan(left_out="no task is wanted for it", warnings=warnings)
    events = tuple(
        ImageEvent(source, name, resolve_settings(name, choices), run) for name in dict.fromkeys(choices.tasks)
    )
    return Plan(events, warnings=warnings)


def looks_like_image(name: str, content_type: str | None) -> bool:
    """Whether name or declared type suggest an image. Workers look at the bytes; this only saves them work."""
    declared = (content_type or "").split(";")[0].strip().lower()
    suffix = name.rpartition("/")[2].rpartition(".")
    has_image_suffix = bool(suffix[1]) and suffix[2].lower() in _IMAGE_SUFFIXES
    unnamed = declared in _UNSAID_TYPES and not suffix[1]
    return declared.startswith("image/") or has_image_suffix or unnamed


def resolve_settings(task_name: str, choices: Choices) -> TaskSettings:
    """Return everything a worker needs for this task, with defaults filled in."""
    task = TASKS[task_name]
    model = profile((choices.models or {}).get(task_name, task.model))
    labels = choices.labels or ()
    max_items = choices.max_items or 25
    return TaskSettings(
        model=model.id,
        prompt=resolve_prompt(task, model, labels=labels, language=choices.language, max_items=max_items),
        thinking=task.thinking,
        max_items=max_items,
        max_bytes=choices.max_bytes or 50_000_000,
        labels=labels,
        language=choices.language,
    )


def idempotency_key(event: ImageEvent) -> str:
    """Return the id of the one result this event can have: it changes with anything that changes the answer.

    The redrive is left out: a second chance at the same work has the same id.
    """
    source = event.source
    parts = [
        source.bucket,
        source.name,
        str(source.generation),
        event.run,
        event.task,
        settings_document(event.settings),
    ]
    return hashlib.sha256(jsontext.dump_compact(parts)).hexdigest()
