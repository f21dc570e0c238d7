"""Write an answer the way the API sends it: one document, or a stream of them."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from .answerer import Answer, Usage

STREAM_PIECES = 3


def document(answer: Answer, *, vertex: bool = False) -> dict[str, Any]:
    """Return the GenerateContentResponse."""
    thought = [{"text": answer.thought, "thought": True}] if answer.thought else []
    text = [{"text": answer.text}] if answer.text else []
    candidate = _candidate([*thought, *text]) | {"finishReason": answer.finish_reason}
    told = (
        {"promptFeedback": {"blockReason": answer.block_reason}} if answer.block_reason else {"candidates": [candidate]}
    )
    return {
        **told,
        "usageMetadata": _usage(answer.usage) | ({"trafficType": "ON_DEMAND"} if vertex else {}),
        "modelVersion": answer.served_by,
        "responseId": secrets.token_urlsafe(16),
    }


def counted(usage: Usage) -> dict[str, Any]:
    """Return the CountTokensResponse."""
    return {"totalTokens": usage.text + usage.images, "promptTokensDetails": _by_modality(usage)}


def stream(answer: Answer, *, sse: bool, vertex: bool = False) -> Response:
    """Return the answer in pieces: as server-sent events, or as one JSON list."""
    events = _events(answer, document(answer, vertex=vertex))
    if not sse:
        return JSONResponse(events)
    text = "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events)
    return Response(text, media_type="text/event-stream")


def _events(answer: Answer, last: dict[str, Any]) -> list[dict[str, Any]]:
    if answer.block_reason:
        return [last]
    width = max(1, -(-len(answer.text) // STREAM_PIECES))
    pieces = [answer.text[start : start + width] for start in range(0, len(answer.text), width)]
    shared = {"modelVersion": answer.served_by, "responseId": last["responseId"]}
    events = [{"candidates": [_candidate([{"text": piece}])]} | shared for piece in pieces[:-1]]
    thoughts = [part for part in last["candidates"][0]["content"].get("parts", []) if part.get("thought")]
    ending = [*thoughts, *({"text": piece} for piece in pieces[-1:])]
    return [*events, last | {"candidates": [last["candidates"][0] | _candidate(ending)]}]


def _candidate(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}, "index": 0}


def _usage(usage: Usage) -> dict[str, Any]:
    prompt = usage.text + usage.images
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": usage.answer,
        "totalTokenCount": prompt + usage.answer + usage.thoughts,
        "promptTokensDetails": _by_modality(usage),
        "thoughtsTokenCount": usage.thoughts,
    }


def _by_modality(usage: Usage) -> list[dict[str, Any]]:
    counts = {"TEXT": usage.text, "IMAGE": usage.images}
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]
