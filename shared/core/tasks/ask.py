"""Task ask: the answer to a question."""

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
        "Answer the question from what can be seen, shortly and in plain words; if that does not tell, say so."
        ' Answer as JSON with the key "answer".\n\nQuestion: {question}'
    )


def _schema(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    return json_object(answer=TEXT)


def _read(answer: Answer, _settings: TaskSettings, _info: ImageInfo) -> Reading:
    from shared.core.replies import free_text

    said = free_text.parse_answer(answer.text)
    if said.text is None:
        return wordless(said, "an answer")
    return Reading("ok", answer=said.text, warnings=said.warnings)


TASK = Task(
    name="ask",
    about="the answer to a question",
    made="`question`, `answer`",
    model="gemini-3.8-flash",
    thinking="low",
    template=_template,
    answer_tokens=2048,  # "shortly": a page of text, where somebody asks for all that is written
    schema=_schema,
    read=_read,
    shorter="Keep the answer short: one or two sentences.",
    payload="answer",
    payload_if=WORDS,
    takes=("question",),
    placeholders=("question",),
    needs=("question",),
)
