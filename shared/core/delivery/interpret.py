"""From a journalled reply to a reading: a pure function, so that a replay decides the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.core.gemini.registry import profile
from shared.core.replies.answer import read_answer
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common import joint
from shared.core.tasks.common.task import Reading

if TYPE_CHECKING:
    from shared.core.delivery.journal import JournalledReply
    from shared.core.events.envelopes import ImageEvent
    from shared.core.replies.answer import Answer


MAX_ASKS = 2
"""A deliberate second ask is paid for, too: there is never a third."""


def entry_tasks(event: ImageEvent, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a journal entry says of the tasks that were asked for: nothing where it is the leading one alone."""
    return () if asked == event.tasks[:1] else asked


def asked_in(event: ImageEvent, reply: JournalledReply) -> tuple[str, ...]:
    """Return the tasks that a reply was asked for; the first of them bears its cost."""
    return reply.tasks or (event.tasks[0],)


def interpret(view: ImageEvent, reply: JournalledReply) -> tuple[Answer, Reading]:
    """Return the answer and what the task makes of it; a blocked, cut or empty answer is never an empty `ok`.

    Of an event with several tasks it is the view of one. The answer is the whole one, as it was paid for.
    """
    answer = read_answer(reply.response)
    match answer.verdict:
        case "blocked":
            return answer, Reading("blocked", answer.reason)
        case "usable" | "truncated":
            return answer, _read(view, answer, reply)
        case _:
            return answer, Reading("failed", answer.reason)


def another_ask(view: ImageEvent, answer: Answer, reading: Reading) -> str | None:
    """Return what to add to the prompt of a second ask, or None where the answer stands."""
    if answer.verdict in {"empty", "passing"}:
        return ""
    if reading.status != "failed":
        return None
    # Nothing complete before the limit of tokens: often a loop, which the same prompt would enter again.
    if answer.verdict == "truncated":
        return TASKS[view.task].shorter
    # One of several parts that cannot be used was perhaps the one too many.
    return "" if view.parts and answer.verdict == "usable" else None


def _read(view: ImageEvent, answer: Answer, reply: JournalledReply) -> Reading:
    asked = asked_in(view, reply)
    task = joint.answering(view.task, asked) or view.task
    own = answer if len(asked) == 1 else _own_share(view, task, answer, reply)
    if own is None:
        return Reading("failed", answer.reason or f"unreadable: the answer to {', '.join(asked)} holds none to {task}")
    reading = TASKS[view.task].read(own, view.settings, reply.image)
    return _cut_short(reading, own) if own.verdict == "truncated" else reading


def _own_share(view: ImageEvent, task: str, answer: Answer, reply: JournalledReply) -> Answer | None:
    """Return the answer as the one to this task alone: what was complete when it was cut is not cut."""
    asked = next(each for each in view.views() if each.task == task)
    from shared.core.replies.shares import share_of

    share = share_of(answer.text, joint.keys_of(asked, profile(reply.model)) or ())
    if share is None:
        return None
    own = replace(answer, text=share.text)
    return replace(own, verdict="usable", reason=None) if share.whole else own


def _cut_short(reading: Reading, answer: Answer) -> Reading:
    """A cut answer is partial where something complete was found, and failed where nothing was."""
    usable = [one.status == "ok" for one in reading.items or ()] + [one.status == "ok" for one in reading.classes or ()]
    if reading.caption or reading.answer or any(usable):
        return replace(reading, status="partial", reason=answer.reason)
    return replace(reading, status="failed", reason=answer.reason)
