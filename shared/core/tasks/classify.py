"""Task classify: one or several of the given labels, or tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.tasks.common.response_schemas import json_object, label
from shared.core.tasks.common.task import LISTS, Reading, Task
from shared.core.values import MAX_ITEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ImageInfo, TaskSettings


def _template(wanted: Wanted) -> str:
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


def _schema(_model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any]:
    """`{"label": …}` out of the given labels, `{"labels": […]}` for several of them, or for open tags."""
    if settings.labels and not settings.multi_label:
        return json_object(label=label(settings))
    most = min(settings.max_items, len(settings.labels)) if settings.labels else settings.max_items
    return json_object(labels={"type": "array", "items": label(settings), "maxItems": most})


def _read(answer: Answer, settings: TaskSettings, _info: ImageInfo) -> Reading:
    from shared.core.replies import classifying

    found = classifying.find_classes(
        answer.text,
        labels=settings.labels,
        multi_label=settings.multi_label,
        max_items=settings.max_items if settings.max_items_set else MAX_ITEMS,
        complete=answer.verdict == "usable",
    )
    return Reading(found.status, found.reason, classes=found.classes, warnings=found.warnings)


TASK = Task(
    name="classify",
    about="one of the given labels, several of them (`multi_label`), or free tags if no labels are given",
    made="`classes`",
    model="gemini-3.5-flash-lite",
    thinking="minimal",
    template=_template,
    answer_tokens=256,
    tokens_per_item=40,  # a label of a few words, quoted
    schema=_schema,
    read=_read,
    shorter="Keep the answer short: only the few labels that fit best.",
    payload="classes",
    payload_if=LISTS,
    takes=("labels", "max_items", "multi_label"),
    placeholders=("labels", "max_items"),
)
