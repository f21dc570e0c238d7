"""Task detect: objects with their boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.tasks.common.reading import read_items
from shared.core.tasks.common.response_schemas import BOX, entries, label
from shared.core.tasks.common.task import LISTS, Reading, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ImageInfo, TaskSettings


def _template(_wanted: Wanted) -> str:
    return (
        "Detect {subject} in this image. Output a JSON object with a list of at most {max_items} boxes in"
        ' the key "boxes", where each entry contains a short descriptive text label in the key "label" and the 2D'
        ' bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to 0-1000. Give every'
        " object an entry of its own, also where several are alike, and none of them twice; an empty list if there is"
        " none."
    )


def _schema(_model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any]:
    return entries("boxes", label=label(settings), box_2d=BOX)


def _read(answer: Answer, settings: TaskSettings, info: ImageInfo) -> Reading:
    return read_items(answer, settings, info, masks=False)


TASK = Task(
    name="detect",
    about="objects, or the given labels",
    made="`items` with boxes, an overlay",
    model="gemini-3.8-flash",
    thinking="low",
    template=_template,
    answer_tokens=512,
    tokens_per_item=128,  # a recorded box took 40 tokens; models answer more of them than they are asked for
    schema=_schema,
    read=_read,
    shorter="Keep the answer short: only the few most prominent objects.",
    payload="items",
    payload_if=LISTS,
    takes=("labels", "max_items", "crops"),
    placeholders=("subject", "labels", "max_items"),
    within="segment",
    draws_overlay=True,
)
