"""The lines of a batch: read from a request body or a JSONL file, and written back with what became of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ApiError, invalid
from .message_fields import GENERATE, check_fields
from .requests import field

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """One request; `key` or `metadata` tell it apart; one that could not be read carries its `error` instead."""

    request: Any
    key: str = ""
    metadata: dict[str, str] | None = None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line: the response's document, or the refusal."""

    line: Line
    response: dict[str, Any] | None = None
    error: ApiError | None = None

    def document(self) -> dict[str, Any]:
        """Return `response` or `error`, the one there is."""
        return {"error": self.error.rpc_status()} if self.error else {"response": self.response}


def read_inlined(requests: Any) -> list[Line]:
    """Return the lines of `batch.inputConfig.requests.requests`.

    Raises:
        ApiError: 400, there is none.
    """
    entries = requests if isinstance(requests, list) else []
    if not entries:
        raise invalid("* GenerateContentBatch.input_config: at least one request is expected.\n")
    return [_inlined(entry) for entry in entries]


def read_jsonl(data: bytes) -> list[Line]:
    """Return the lines of a file, empty ones left out; a line that is no request is refused on its own.

    Raises:
        ApiError: 400, there is none.
    """
    lines = [_parsed(text, number) for number, text in enumerate(data.splitlines(), 1) if text.strip()]
    if not lines:
        raise invalid("The batch's input file holds no request: expected one JSON object in each line.")
    return lines


def inlined_responses(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return `metadata.output` of a job whose requests came inline; metadata is echoed."""
    responses = [
        outcome.document() | ({"metadata": outcome.line.metadata} if outcome.line.metadata else {})
        for outcome in outcomes
    ]
    return {"inlinedResponses": {"inlinedResponses": responses}}


def response_lines(outcomes: Sequence[Outcome]) -> bytes:
    """Return the JSONL of a job whose requests came in a file; keys are echoed."""
    return _jsonl([{"key": outcome.line.key, **outcome.document()} for outcome in outcomes])


def prediction_lines(outcomes: Sequence[Outcome], processed: str) -> bytes:
    """Return the JSONL that a batch on Vertex writes: request, response, and a status that is empty if all is well."""
    return _jsonl(
        [
            {
                "status": outcome.error.message if outcome.error else "",
                "processed_time": processed,
                "request": outcome.line.request,
                "response": outcome.response or {},
            }
            for outcome in outcomes
        ]
    )


def _inlined(entry: Any) -> Line:
    metadata = field(entry, "metadata", {})
    return Line(field(entry, "request", {}), key=str(metadata.get("key", "")), metadata=metadata)


def _parsed(text: bytes, number: int) -> Line:
    try:
        entry = json.loads(text)
        if not isinstance(entry, dict) or not isinstance(entry.get("request"), dict):
            raise invalid(
                f"Line {number}: expected an object with a `request`, found {text[:60].decode(errors='replace')}"
            )
        check_fields(entry["request"], GENERATE)
    except ApiError as error:
        return Line({}, error=error)
    except ValueError as error:
        return Line({}, error=invalid(f"Line {number}: {error}"))
    return Line(entry["request"], key=str(entry.get("key", "")))


def _jsonl(documents: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(document)}\n" for document in documents).encode()
