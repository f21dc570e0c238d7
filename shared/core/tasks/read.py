"""Task read: the text in the picture, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.tasks.common.reading import read_items
from shared.core.tasks.common.response_schemas import BOX, TEXT, entries
from shared.core.tasks.common.task import LISTS, Reading, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ImageInfo, TaskSettings


def _template(_wanted: Wanted) -> str:
    return (
        "Read the text in this image, in the order in which a person reads it. Output a JSON object with a list of at"
        ' most {max_items} lines in the key "lines", where each entry contains the text of one line, exactly as it is'
        ' written and not translated, in the key "text", its language as a BCP 47 tag in the key "language" ("und" if'
        ' that cannot be told), and the 2D bounding box in the key "box_2d" as [ymin, xmin, ymax, xmax], normalized to'
        " 0-1000. An empty list if there is no text."
    )


def _schema(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    return entries("lines", text=TEXT, language=TEXT, box_2d=BOX)


def _read(answer: Answer, settings: TaskSettings, info: ImageInfo) -> Reading:
    return read_items(answer, settings, info, texts=True)


TASK = Task(
    name="read",
    about="the text in the picture, line by line and in reading order",
    made="`items` with `text`, `language` and boxes, an overlay",
    model="gemini-3.8-flash",
    thinking="low",
    template=_template,
    answer_tokens=512,
    tokens_per_item=120,  # a line of 200 characters, its language and its box
    schema=_schema,
    read=_read,
    shorter="Keep the answer short: only the largest lines of text.",
    payload="items",
    payload_if=LISTS,
    takes=("max_items",),
    placeholders=("max_items",),
    max_items=200,
    verbatim=True,
    draws_overlay=True,
)
