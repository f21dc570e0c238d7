"""The tasks: each is one value here (prompt, response schema, thinking, parser). Adding one touches this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.masks.reading import MaskWish
from shared.core.replies import classifying, findings, free_text
from shared.core.tasks import response_schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.prompts import Wanted
    from shared.core.values import ClassLabel, ImageInfo, Item, Status, TaskSettings


@dataclass(frozen=True, slots=True)
class Reading:
    """What a task made of an answer: its payload, or why there is none."""

    status: Status
    reason: str | None = None
    caption: str | None = None
    items: tuple[Item, ...] | None = None
    warnings: tuple[str, ...] = ()
    classes: tuple[ClassLabel, ...] | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to ask about an image.

    `template` is the prompt's default, `placeholders` what any prompt of this task may hold (and `needs` must).
    `takes` names the settings that only some tasks have: labels, max_items, multi_label, question, mask_threshold,
    soft_masks. `shorter` is added to the prompt when it is asked again after an answer that ran out of tokens.
    """

    name: str
    model: str
    thinking: str
    template: Callable[[Wanted], str]
    max_output_tokens: int
    schema: Callable[[ModelProfile, TaskSettings], Mapping[str, Any] | None]
    read: Callable[[Answer, TaskSettings, ImageInfo], Reading]
    shorter: str
    takes: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    subject: str = "all of the prominent objects"
    wants_masks: bool = False
    draws_overlay: bool = False


def _caption_template(_wanted: Wanted) -> str:
    return (
        "Describe this image in one or two plain sentences for somebody who cannot see it. Name what is"
        ' there; do not begin with "This image" or "A photo of". Answer as JSON with the key "caption".'
    )


def _detect_template(_wanted: Wanted) -> str:
    return (
        "Detect {subject} in this image. Output a JSON object with a list of at most {max_items} boxes in"
        ' the key "boxes", where each entry contains a short descriptive text label in the key "label" and the 2D'
        ' bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to 0-1000. Give every'
        " object an entry of its own, also where several are alike, and none of them twice; an empty list if there is"
        " none."
    )


def _segment_template(_wanted: Wanted) -> str:
    return (
        "Give the segmentation masks for {subject} in this image. Output a JSON object with a list of at most"
        ' {max_items} segmentation masks in the key "boxes", where each entry contains a short descriptive text label'
        ' in the key "label", the 2D bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to'
        " 0-1000, and {mask}. Give every object an entry of its own, also where several are alike, and none of them"
        " twice; an empty list if there is none."
    )


def _classify_template(wanted: Wanted) -> str:
    if not wanted.labels:
        return (
            "Name what can be seen as tags of one to three words, the most telling first, at most {max_items}."
            ' Answer as JSON with the list of tags in the key "labels".'
        )
    if wanted.multi_label:
        return (
            "Which of these labels apply to what can be seen: {labels}? Choose every one that does, at most"
            ' {max_items}. Answer as JSON with the list in the key "labels"; an empty list if none applies.'
        )
    return (
        "Which one of these labels fits best what can be seen: {labels}? Answer as JSON with that label,"
        ' exactly as it is written here, in the key "label".'
    )


def _ask_template(_wanted: Wanted) -> str:
    return (
        "Answer the question from what can be seen, shortly and in plain words; if that does not tell, say so."
        ' Answer as JSON with the key "answer".\n\nQuestion: {question}'
    )


def _read_caption(answer: Answer, _settings: TaskSettings, _info: ImageInfo) -> Reading:
    said = free_text.parse_caption(answer.text)
    if said.text is None:
        return _wordless(said, "a caption")
    return Reading("ok", caption=said.text, warnings=said.warnings)


def _wordless(said: free_text.Words, what: str) -> Reading:
    """An answer that says nothing is empty; one that cannot be read is not."""
    if not said.readable:
        return Reading("failed", f"unreadable: expected {what} in words or as JSON, found neither in the answer")
    reason = f"the model answered without {what}"
    return Reading("empty", reason, warnings=(reason,))


def _read_boxes(answer: Answer, settings: TaskSettings, info: ImageInfo) -> Reading:
    return _read_items(answer, settings, info, masks=False)


def _read_masks(answer: Answer, settings: TaskSettings, info: ImageInfo) -> Reading:
    return _read_items(answer, settings, info, masks=MaskWish(settings.mask_threshold, settings.soft_masks))


def _read_items(answer: Answer, settings: TaskSettings, info: ImageInfo, *, masks: MaskWish | bool) -> Reading:
    found = findings.find_items(
        answer.text,
        info=info,
        masks=masks,
        max_items=settings.max_items,
        limited=settings.max_items_set,
        labels=settings.labels,
    )
    return Reading(found.status, found.reason, items=found.items, warnings=found.warnings)


def _read_classes(answer: Answer, settings: TaskSettings, _info: ImageInfo) -> Reading:
    found = classifying.find_classes(
        answer.text,
        labels=settings.labels,
        multi_label=settings.multi_label,
        max_items=settings.max_items if settings.max_items_set else findings.MAX_ITEMS,
        complete=answer.verdict == "usable",
    )
    return Reading(found.status, found.reason, classes=found.classes, warnings=found.warnings)


def _read_answer(answer: Answer, _settings: TaskSettings, _info: ImageInfo) -> Reading:
    said = free_text.parse_answer(answer.text)
    if said.text is None:
        return _wordless(said, "an answer")
    return Reading("ok", answer=said.text, warnings=said.warnings)


CAPTION = Task(
    name="caption",
    model="gemini-3.5-flash-lite",
    thinking="minimal",
    template=_caption_template,
    max_output_tokens=4096,
    schema=response_schemas.caption,
    read=_read_caption,
    shorter="Keep it short: one sentence.",
)

DETECT = Task(
    name="detect",
    model="gemini-3.8-flash",
    thinking="low",
    template=_detect_template,
    max_output_tokens=16_384,
    schema=response_schemas.boxes,
    read=_read_boxes,
    shorter="Keep the answer short: only the few most prominent objects.",
    takes=("labels", "max_items"),
    placeholders=("subject", "labels", "max_items"),
    draws_overlay=True,
)

SEGMENT = Task(
    name="segment",
    model="gemini-3.8-flash",
    thinking="low",
    template=_segment_template,
    max_output_tokens=32_768,
    schema=response_schemas.masks,
    read=_read_masks,
    shorter="Keep the answer short: only the few most prominent objects, with simple masks.",
    takes=("labels", "max_items", "mask_threshold", "soft_masks"),
    placeholders=("subject", "labels", "max_items", "mask"),
    wants_masks=True,
    draws_overlay=True,
)

CLASSIFY = Task(
    name="classify",
    model="gemini-3.5-flash-lite",
    thinking="minimal",
    template=_classify_template,
    max_output_tokens=4096,
    schema=response_schemas.classes,
    read=_read_classes,
    shorter="Keep the answer short: only the few labels that fit best.",
    takes=("labels", "max_items", "multi_label"),
    placeholders=("labels", "max_items"),
)

ASK = Task(
    name="ask",
    model="gemini-3.8-flash",
    thinking="low",
    template=_ask_template,
    max_output_tokens=8192,
    schema=response_schemas.answer,
    read=_read_answer,
    shorter="Keep the answer short: one or two sentences.",
    takes=("question",),
    placeholders=("question",),
    needs=("question",),
)

TASKS: Mapping[str, Task] = {task.name: task for task in (CAPTION, DETECT, SEGMENT, CLASSIFY, ASK)}
"""Every task by name."""
