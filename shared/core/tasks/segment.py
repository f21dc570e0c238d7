"""Task segment: objects with their boxes and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.tasks.common.reading import read_items
from shared.core.tasks.common.response_schemas import BOX, POLYGON, entries, label
from shared.core.tasks.common.task import LISTS, Reading, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ImageInfo, TaskSettings


def _template(_wanted: Wanted) -> str:
    return (
        "Give the segmentation masks for {subject} in this image. Output a JSON object with a list of at most"
        ' {max_items} segmentation masks in the key "boxes", where each entry contains a short descriptive text label'
        ' in the key "label", the 2D bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to'
        " 0-1000, and {mask}. Give every object an entry of its own, also where several are alike, and none of them"
        " twice; an empty list if there is none."
    )


def _schema(model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any] | None:
    if model.masks == "png":
        return None  # forced JSON breaks the PNG masks of 2.5 (placeholders instead of base64)
    return entries("boxes", label=label(settings), box_2d=BOX, mask=POLYGON)


def _read(answer: Answer, settings: TaskSettings, info: ImageInfo) -> Reading:
    from shared.core.masks.reading import MaskWish

    return read_items(answer, settings, info, masks=MaskWish(settings.mask_threshold, settings.soft_masks))


TASK = Task(
    name="segment",
    about="the same, with masks",
    made="`items` with boxes and masks, mask PNGs, an overlay",
    model="gemini-3.8-flash",
    thinking="low",
    template=_template,
    answer_tokens=512,
    tokens_per_item=720,  # 60 points of 11 tokens (every digit is one), a label and a box
    tokens_per_png=1300,  # base64 of a mask of 256 x 256
    schema=_schema,
    read=_read,
    shorter="Keep the answer short: only the few most prominent objects, with simple masks.",
    payload="items",
    payload_if=LISTS,
    takes=("labels", "max_items", "mask_threshold", "soft_masks", "crops"),
    placeholders=("subject", "labels", "max_items", "mask"),
    wants_masks=True,
    draws_overlay=True,
)
