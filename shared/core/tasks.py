"""The tasks: each is one value here (prompt, response schema, thinking, parser). Adding one touches this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core import findings, parsing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.model import ImageInfo, Item, Status
    from shared.core.registry import ModelProfile


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Everything a worker needs to do one task: resolved by ingest, carried in the event, part of the key."""

    model: str
    prompt: str
    thinking: str
    max_items: int
    max_bytes: int
    labels: tuple[str, ...] = ()
    question: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a task made of an answer: its payload, or why there is none."""

    status: Status
    reason: str | None = None
    caption: str | None = None
    items: tuple[Item, ...] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to ask about an image.

    `prompt` is a template with `{subject}` (what to look for), `{max_items}` and, for masks, `{mask}`.
    """

    name: str
    model: str
    thinking: str
    prompt: str
    subject: str
    max_output_tokens: int
    schema: Callable[[ModelProfile, TaskSettings], Mapping[str, Any] | None]
    read: Callable[[str, TaskSettings, ImageInfo], Reading]
    wants_masks: bool = False
    draws_overlay: bool = False


_MASK_WORDING = {
    "polygon": 'the outline in the key "mask" as a polygon of [x, y] points, normalized to 0-1000 over the'
    " whole image, at most 60 points",
    "png": 'the segmentation mask in the key "mask"',
}

_BOX_SCHEMA = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
_POLYGON_SCHEMA = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}


def resolve_prompt(
    task: Task, model: ModelProfile, *, labels: tuple[str, ...], language: str | None, max_items: int
) -> str:
    """Return the prompt as it is sent: for this model, the labels to look for, the language of the answer."""
    text = task.prompt.format(
        subject=", ".join(labels) if labels else task.subject,
        max_items=max_items,
        mask=_MASK_WORDING.get(model.masks, _MASK_WORDING["polygon"]),
    )
    return f"{text} Write the text of the answer in {language}." if language else text


def _caption_schema(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    return {"type": "object", "properties": {"caption": {"type": "string"}}, "required": ["caption"]}


def _detect_schema(_model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any]:
    return _boxes_schema({"label": {"type": "string"}, "box_2d": _BOX_SCHEMA}, settings)


def _segment_schema(model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any] | None:
    if model.masks == "png":
        return None  # forced JSON breaks the PNG masks of 2.5 (placeholders instead of base64)
    return _boxes_schema({"label": {"type": "string"}, "box_2d": _BOX_SCHEMA, "mask": _POLYGON_SCHEMA}, settings)


def _boxes_schema(properties: Mapping[str, Any], settings: TaskSettings) -> Mapping[str, Any]:
    item = {"type": "object", "properties": properties, "required": list(properties)}
    boxes = {"type": "array", "items": item, "maxItems": settings.max_items}
    return {"type": "object", "properties": {"boxes": boxes}, "required": ["boxes"]}


def _read_caption(text: str, _settings: TaskSettings, _info: ImageInfo) -> Reading:
    caption = parsing.parse_caption(text)
    if not caption:
        return Reading("empty", "The model answered without a caption.")
    return Reading("ok", caption=caption)


def _read_boxes(text: str, settings: TaskSettings, info: ImageInfo) -> Reading:
    return _read_items(text, settings, info, masks=False)


def _read_masks(text: str, settings: TaskSettings, info: ImageInfo) -> Reading:
    return _read_items(text, settings, info, masks=True)


def _read_items(text: str, settings: TaskSettings, info: ImageInfo, *, masks: bool) -> Reading:
    found = findings.find_items(text, info=info, masks=masks, max_items=settings.max_items)
    return Reading(found.status, found.reason, items=found.items, warnings=found.warnings)


CAPTION = Task(
    name="caption",
    model="gemini-3.5-flash-lite",
    thinking="minimal",
    prompt="Describe {subject} in one or two plain sentences for somebody who cannot see it. Name what is"
    ' there; do not begin with "This image" or "A photo of". Answer as JSON with the key "caption".',
    subject="this image",
    max_output_tokens=4096,
    schema=_caption_schema,
    read=_read_caption,
)

DETECT = Task(
    name="detect",
    model="gemini-3.8-flash",
    thinking="low",
    prompt="Detect {subject} in this image. Output a JSON object with a list of at most {max_items} boxes in"
    ' the key "boxes", where each entry contains a short descriptive text label in the key "label" and the 2D'
    ' bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to 0-1000. Name each object'
    " once; an empty list if there is none.",
    subject="all of the prominent objects",
    max_output_tokens=16_384,
    schema=_detect_schema,
    read=_read_boxes,
    draws_overlay=True,
)

SEGMENT = Task(
    name="segment",
    model="gemini-3.8-flash",
    thinking="low",
    prompt="Give the segmentation masks for {subject} in this image. Output a JSON object with a list of at most"
    ' {max_items} segmentation masks in the key "boxes", where each entry contains a short descriptive text label'
    ' in the key "label", the 2D bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to'
    " 0-1000, and {mask}. Name each object once; an empty list if there is none.",
    subject="all of the prominent objects",
    max_output_tokens=32_768,
    schema=_segment_schema,
    read=_read_masks,
    wants_masks=True,
    draws_overlay=True,
)

TASKS: Mapping[str, Task] = {task.name: task for task in (CAPTION, DETECT, SEGMENT)}
"""Every task by name."""
