"""From a journalled reply to a reading: a pure function, so that a replay decides the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.core.replies.answer import read_answer
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.task import Reading

if TYPE_CHECKING:
    from shared.core.delivery.journal import JournalledReply
    from shared.core.events.envelopes import ImageEvent
    from shared.core.replies.answer import Answer


MAX_ASKS = 2
"""A deliberate second ask is paid for, too: there is never a third."""


def interpret(event: ImageEvent, reply: JournalledReply) -> tuple[Answer, Reading]:
    """Return the answer and what the task makes of it; a blocked, cut or empty answer is never an empty `ok`."""
    answer = read_answer(reply.response)
    match answer.verdict:
        case "blocked":
            return answer, Reading("blocked", answer.reason)
        case "usable" | "truncated":
            reading = TASKS[event.task].read(answer, event.settings, reply.image)
            return answer, _cut_short(reading, answer) if answer.verdict == "truncated" else reading
        case _:
            return answer, Reading("failed", answer.reason)


def another_ask(event: ImageEvent, answer: Answer, reading: Reading) -> str | None:
    """Return what to add to the prompt of a second ask, or None where the answer stands."""
    if answer.verdict in {"empty", "passing"}:
        return ""
    # Nothing complete before the limit of tokens: often a loop, which the same prompt would enter again.
    lacking = answer.verdict == "truncated" and reading.status == "failed"
    return TASKS[event.task].shorter if lacking else None


def _cut_short(reading: Reading, answer: Answer) -> Reading:
    """A cut answer is partial where something complete was found, and failed where nothing was."""
    usable = [one.status == "ok" for one in reading.items or ()] + [one.status == "ok" for one in reading.classes or ()]
    if reading.caption or reading.answer or any(usable):
        return replace(reading, status="partial", reason=answer.reason)
    return replace(reading, status="failed", reason=answer.reason)
