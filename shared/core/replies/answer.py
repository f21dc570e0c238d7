"""Reads the REST body of one generateContent call: what was said, and what the answer as a whole is worth.

The body is JSON from outside (camelCase, as on the wire): unknown fields are ignored and wrong types are
treated as absent. Whether the *text* can be read is not decided here, see `parsing` and `findings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.core.redaction import redact
from shared.core.replies.texts import clean_text
from shared.core.values import Usage

Verdict = Literal["usable", "truncated", "blocked", "empty", "passing", "failed"]
"""`empty` and `passing` are worth a second ask, `truncated` may hold complete items, the others hold nothing."""

# The finish reasons of the public API that mean a refusal; every value that begins with IMAGE_ does too.
_REFUSALS = {
    "SAFETY": "its safety filter stopped the answer",
    "RECITATION": "the answer came too close to existing texts",
    "LANGUAGE": "the language is not supported",
    "BLOCKLIST": "the answer holds a forbidden word",
    "PROHIBITED_CONTENT": "the content is prohibited",
    "SPII": "the answer holds sensitive personal data",
    "MODEL_ARMOR": "Model Armor stopped the answer",
    "JAILBREAK": "the prompt was taken for a jailbreak",
}
_CUT_OFF = {
    "MAX_TOKENS": "the answer reached the limit of output tokens",
    "CONTINUATION": "the answer would go on in a further call",
}
# Nothing of it is the image's fault or the prompt's: asked once more, models often answer.
_PASSING = {
    "UNEXPECTED_TOOL_CALL": "it called a tool, and none was offered",
    "MALFORMED_FUNCTION_CALL": "it called a function, and none was offered",
    "MALFORMED_RESPONSE": "its answer came out malformed",
    "OTHER": "no reason is known",
}
_UNSET = frozenset({"", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_WORD_LENGTH = 200
_MESSAGE_LENGTH = 300
_ENVELOPE = {"candidates": list, "promptFeedback": Mapping, "usageMetadata": Mapping}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model, thoughts left out of `text`; `reason` says in words why it is not usable."""

    text: str
    verdict: Verdict
    reason: str | None = None
    finish_reason: str | None = None
    block_reason: str | None = None
    served_model: str | None = None
    response_id: str | None = None
    usage: Usage = field(default_factory=Usage)


def is_answer(body: object) -> bool:
    """Whether a body is that of generateContent at all: it has candidates, feedback on the prompt, or a bill.

    The JSON form leaves empty lists out, so that an answer without candidates may hold nothing but its usage.
    """
    if not isinstance(body, Mapping):
        return False
    return any(isinstance(body.get(key), kind) for key, kind in _ENVELOPE.items())


def read_answer(body: Mapping[str, Any]) -> Answer:
    """The first candidate's text and a verdict on it; never raises, whatever the body holds."""
    candidates = body.get("candidates")
    candidate = _mapping(candidates[0]) if isinstance(candidates, list) and candidates else None
    text = _text(candidate or {})
    finish = _word((candidate or {}).get("finishReason"))
    feedback = _mapping(body.get("promptFeedback"))
    block = _word(feedback.get("blockReason"))
    verdict, reason = _judge(text, finish=finish, block=block, answered=candidate is not None)
    message = _message(feedback.get("blockReasonMessage") if block else (candidate or {}).get("finishMessage"))
    if reason is not None and message:
        reason = f"{reason}. The model says: {message}"
    return Answer(
        text=text,
        verdict=verdict,
        reason=reason,
        finish_reason=finish,
        block_reason=block,
        served_model=_word(body.get("modelVersion")),
        response_id=_word(body.get("responseId")),
        usage=_usage(_mapping(body.get("usageMetadata"))),
    )


def _judge(text: str, *, finish: str | None, block: str | None, answered: bool) -> tuple[Verdict, str | None]:
    if block is not None:
        why = _REFUSALS.get(block, "no more is said")
        return "blocked", f"the model refused the prompt ({block}): {why}"
    if not answered:
        return "empty", "the model sent no candidate and no reason"
    if finish is None:
        return ("usable", None) if text.strip() else ("empty", "the model ended without any text")
    return _judge_finish(text, finish)


def _judge_finish(text: str, finish: str) -> tuple[Verdict, str | None]:
    if finish == "STOP":
        return ("usable", None) if text.strip() else ("empty", "the model ended without any text")
    if finish in _CUT_OFF:
        suffix = "" if text.strip() else " before any text"
        return "truncated", f"{_CUT_OFF[finish]}{suffix} ({finish})"
    if finish in _REFUSALS or finish.startswith("IMAGE_"):
        why = _REFUSALS.get(finish, "an image filter stopped the answer")
        return "blocked", f"the model refused to answer ({finish}): {why}"
    if finish in _PASSING:
        return "passing", f"the model ended without an answer ({finish}): {_PASSING[finish]}"
    return "failed", f"the model ended for a reason that gives no answer ({finish})"


def _text(candidate: Mapping[str, Any]) -> str:
    parts = _mapping(candidate.get("content")).get("parts")
    spoken = (_mapping(part) for part in parts) if isinstance(parts, list) else ()
    texts = (part.get("text") for part in spoken if part.get("thought") is not True)
    return "".join(text for text in texts if isinstance(text, str))


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=_count(counts.get("promptTokenCount")),
        output_tokens=_count(counts.get("candidatesTokenCount")),
        thought_tokens=_count(counts.get("thoughtsTokenCount")),
        total_tokens=_count(counts.get("totalTokenCount")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: object) -> str | None:
    """An enum value or identifier, safe to log; None where the field is absent or explicitly unset."""
    if not isinstance(value, str) or value in _UNSET:
        return None
    return _UNPRINTABLE.sub("?", value[:_WORD_LENGTH])


def _message(value: object) -> str | None:
    """What the service says to people, safe to show and to log; None where it says nothing."""
    return clean_text(redact(value), limit=_MESSAGE_LENGTH) or None if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None
