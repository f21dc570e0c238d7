"""Task caption: a description in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.tasks.common.reading import wordless
from shared.core.tasks.common.response_schemas import TEXT, json_object
from shared.core.tasks.common.task import WORDS, Reading, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.prompts import Wanted
    from shared.core.values import ImageInfo, TaskSettings


def _template(_wanted: Wanted) -> str:
    return (
        "Describe this image in one or two plain sentences for somebody who cannot see it. Name what is"
        ' there; do not begin with "This image" or "A photo of". Answer as JSON with the key "caption".'
    )


def _schema(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    return json_object(caption=TEXT)


def _read(answer: Answer, _settings: TaskSettings, _info: ImageInfo) -> Reading:
    from shared.core.replies import free_text

    said = free_text.parse_caption(answer.text)
    if said.text is None:
        return wordless(said, "a caption")
    return Reading("ok", caption=said.text, warnings=said.warnings)


TASK = Task(
    name="caption",
    about="a description for somebody who cannot see the picture",
    made="`caption`",
    model="gemini-3.5-flash-lite",
    thinking="minimal",
    template=_template,
    answer_tokens=512,  # two sentences are about 60 tokens in English, and thrice as many in other scripts
    schema=_schema,
    read=_read,
    shorter="Keep it short: one sentence.",
    payload="caption",
    payload_if=WORDS,
)
