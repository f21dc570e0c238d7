"""The story of one image: all that is known to have happened, in order of time, and where each task stands."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from shared.core.gemini.prices import billed, cost_usd
from shared.core.operating.summary import before
from shared.core.replies.answer import read_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.core.delivery.journal import JournalledReply
    from shared.core.operating.works import LeaseState, Parked

Kind = Literal["uploaded", "died", "ended", "at_work", "answered", "held", "failed", "result"]
"""died: an attempt that ended without a word. ended: one that left an error, to be delivered again or held."""

_ORDER: Final = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened at a moment (RFC 3339), to a task of a run or (both empty) to the upload itself.

    `told` is a sentence for people; `details` holds the same for programs, and `usd` what it cost.
    """

    at: str
    kind: Kind
    told: str
    run: str = ""
    task: str = ""
    usd: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """All of it, the oldest first. `usd` sums up every answer; `unpriced` counts those whose price nobody knows."""

    happenings: Sequence[Happening]
    usd: float
    unpriced: int


def in_order(happenings: Iterable[Happening]) -> Story:
    """Put what happened into its order."""
    ordered = sorted(happenings, key=_order)
    paid = [each for each in ordered if each.kind == "answered"]
    return Story(tuple(ordered), sum(each.usd or 0.0 for each in paid), sum(each.usd is None for each in paid))


def _order(each: Happening) -> tuple[dt.datetime, int, str, str, int]:
    """By whole seconds, which is what ages are told in; what must have come first comes first within one."""
    moment = dt.datetime.fromisoformat(each.at).replace(microsecond=0)
    return moment, _ORDER.index(each.kind), each.run, each.task, each.details.get("ask", 0)


def upload_happened(at: str, *, size: int, content_type: str | None, generation: int) -> Happening:
    """The upload itself."""
    text = f"uploaded: {size:,} bytes, {content_type or 'of no declared type'}, generation {generation}"
    details = {"size": size, "content_type": content_type, "generation": str(generation)}
    return Happening(at, "uploaded", text, details=details)


def answer_happened(reply: JournalledReply, *, run: str, task: str, ask: int, day: dt.date) -> Happening:
    """An answer of the model, as the journal has it: what it took and how the image travelled."""
    answer = read_answer(reply.response)
    usage, how = answer.usage, reply.transport
    usd = cost_usd(billed(reply.model, answer.served_model), usage, day=day)
    model = answer.served_model or reply.model
    tokens = f"{usage.prompt_tokens or 0:,} + {usage.output_tokens or 0:,} + {usage.thought_tokens or 0:,} tokens"
    sent = f"{how.kind}, {how.bytes:,} bytes{', reused' if how.reused else ''} ({how.reason})"
    cost = "of unknown price" if usd is None else f"for {usd:.6f} dollars"
    again = ", asked again" if ask else ""
    details = {
        "attempt": reply.attempt,
        "ask": ask,
        "model": model,
        "prompt_tokens": usage.prompt_tokens,
        "output_tokens": usage.output_tokens,
        "thought_tokens": usage.thought_tokens,
        "transport": {"kind": how.kind, "bytes": how.bytes, "reused": how.reused, "reason": how.reason},
    }
    text = f"{model} answered{again}: {tokens} {cost}; sent {sent}; attempt {reply.attempt}"
    return Happening(reply.answered_at, "answered", text, run, task, usd, details)


def delivery_happened(lease: LeaseState, *, at: str, finished: bool) -> Happening | None:
    """The last that is known of a delivery, by its lease; None where the result says more."""
    work, moment = lease.work, before(at, lease.age_s)
    details = {"attempt": lease.attempt, "reason": lease.reason or None}
    if finished:
        return None
    if lease.live:
        earlier = f"; an earlier one ended in: {lease.reason}" if lease.reason else ""
        text = f"taken up by attempt {lease.attempt}, which is at work now{earlier}"
        return Happening(moment, "at_work", text, work.run, work.task, details=details)
    if lease.held:
        text = f"taken up by attempt {lease.attempt}, which ended without a word"
        return Happening(moment, "died", text, work.run, work.task, details=details)
    if not lease.reason:
        return None
    text = f"attempt {lease.attempt} ended in: {lease.reason}"
    return Happening(moment, "ended", text, work.run, work.task, details=details)


def wait_happened(parked: Parked, *, at: str, why: str) -> Happening:
    """An event that waits."""
    until = f"{parked.place.hour}:00:00Z"
    work = parked.work
    return Happening(
        before(at, parked.age_s),
        "held",
        f"held until {until}: {why} ({parked.code})",
        work.run,
        work.task,
        details={"until": until, "code": parked.code},
    )


def commit_happened(document: Mapping[str, Any], *, place: str, attempt: str | None, error: int | None) -> Happening:
    """A result or a failure, as its document has it."""
    failure = document["error"] or {}
    redriven = f" after redrive {error}" if error else ""
    why = f": {failure['message']} ({failure['code']})" if failure else ""
    files = len(document["files"])
    with_files = f" with {files} file{'s' * (files != 1)}" if files else ""
    return Happening(
        document["created"],
        "failed" if document["status"] == "failed" else "result",
        f"{document['status']}{redriven}{with_files}{why}",
        document["run"],
        document["task"],
        details={
            "status": document["status"],
            "place": place,
            "attempt": attempt,
            "code": failure.get("code"),
            "model": document["model"]["served"] or document["model"]["requested"],
        },
    )
