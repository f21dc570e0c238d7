"""Batch jobs of Gemini: their lines, going and coming, as each back end writes them. Half of the price, within a day.

The Developer API takes `{"key", "request"}` by the Files API, and writes `{"key", "response"}` or `{"key", "error"}`.
Vertex takes `{"request"}` from a bucket, and writes `{"status", "request", "response"}` into one: it echoes no key, so
each request bears its line's id as a label. Neither keeps the order.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.core.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from shared.core.gemini.registry import BackendName

LINE_LABEL: Final = "uplook_line"
"""The label by which Vertex's output names its line: 63 characters of `a-z 0-9 _ -` at most."""

MAX_UNFINISHED: Final = 100
"""Jobs of one project that may be unfinished at once: https://ai.google.dev/gemini-api/docs/rate-limits#batch-mode."""

_ENDED: Final = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_UNFINISHED: Final = ("QUEUED", "PENDING", "RUNNING", "CANCELLING", "PAUSED", "UPDATING")
"""https://cloud.google.com/vertex-ai/docs/reference/rest/v1/JobState; the Developer API says BATCH_STATE_ for it."""

_PASSING_RPC: Final = frozenset({1, 2, 4, 8, 10, 13, 14})
_PASSING_HTTP: Final = frozenset({408, 409, 429, 499, 500, 502, 503, 504})
_LAST_RPC: Final = 16
_CODE: Final = re.compile(r'"?code"?:\s*(?P<code>[0-9]{1,3})\b|\b(?P<http>[45][0-9]{2})\b')
_PASSING_WORDS: Final = re.compile(
    r"unavailable|exhausted|deadline|time(?:d )?[ -]?out|internal error|overloaded|try again|retry|cancel|expired",
    re.IGNORECASE,
)
_MAX_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A job as the service tells of it. `answers` is where they are: `files/ID`, or `gs://` and a folder.

    `state` is the service's own word, such as SUCCEEDED; one that is not known counts as unfinished.
    """

    name: str
    display_name: str
    state: str
    answers: str | None = None
    error: str | None = None
    created: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in _ENDED


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """What a job's output says of one line: the response as it came, or why there is none.

    `passing` says that the same line may be answered another time; `code` is the service's own, of RPC or of HTTP.
    """

    response: Mapping[str, Any] | None = None
    message: str = ""
    code: int | None = None
    passing: bool = True


@dataclass(frozen=True, slots=True)
class JobAnswers:
    """All that a job's output says of the lines that were asked for; the rest is counted."""

    by_line: Mapping[str, LineAnswer]
    doubled: int = 0
    unknown: int = 0
    unreadable: int = 0


NO_ANSWER: Final = LineAnswer(message="the job's output says nothing of this line")


def state_word(text: str) -> str:
    """Return the bare word for a state, whichever back end says it.

    >>> state_word("JOB_STATE_SUCCEEDED"), state_word("BATCH_STATE_RUNNING"), state_word("")
    ('SUCCEEDED', 'RUNNING', 'PENDING')
    """
    word = text.rpartition("STATE_")[2]
    return word if word in (*_ENDED, *_UNFINISHED) else "PENDING"


def labels_of(line_id: str, backend: BackendName) -> dict[str, str] | None:
    """Return the labels of a line's request."""
    return {LINE_LABEL: line_id} if backend == "vertex" else None


def job_line(line_id: str, request: bytes, backend: BackendName) -> bytes:
    """Return one line of a job's input, without a line break; `request` is JSON without one."""
    if backend == "vertex":
        return b'{"request": %b}' % request
    return b'{"key": %b, "request": %b}' % (json.dumps(line_id).encode(), request)


def read_answers(texts: Iterable[bytes], lines: Collection[str], backend: BackendName) -> JobAnswers:
    """Read a job's output, in whatever order: of a line that is there twice, what answers it counts, then the first.

    It never raises: what cannot be read is counted, and its lines are as if they were missing.
    """
    found: dict[str, LineAnswer] = {}
    doubled = unknown = unreadable = 0
    for text in texts:
        if not text.strip():
            continue
        read = _read(text, backend)
        if read is None:
            unreadable += 1
            continue
        line_id, answer = read
        if line_id not in lines:
            unknown += 1
            continue
        doubled += line_id in found
        if line_id not in found or (found[line_id].response is None and answer.response is not None):
            found[line_id] = answer
    return JobAnswers(found, doubled, unknown, unreadable)


def _read(text: bytes, backend: BackendName) -> tuple[str, LineAnswer] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    line_id = _label(document) if backend == "vertex" else document.get("key")
    if not isinstance(line_id, str) or not line_id:
        return None
    return line_id, _answer(document)


def _label(document: Mapping[str, Any]) -> Any:
    request = document.get("request")
    labels = request.get("labels") if isinstance(request, dict) else None
    return labels.get(LINE_LABEL) if isinstance(labels, dict) else None


def _answer(document: Mapping[str, Any]) -> LineAnswer:
    response = document.get("response")
    if isinstance(response, dict) and response:
        return LineAnswer(response)
    error = document.get("error") or document.get("status")
    if isinstance(error, dict):
        code = error.get("code")
        return _refused(str(error.get("message", "")), code if isinstance(code, int) else None)
    if isinstance(error, str) and error:
        found = _CODE.search(error)
        return _refused(error, int(found["code"] or found["http"]) if found else None)
    return LineAnswer(message="it has neither a response nor an error")


def _refused(message: str, code: int | None) -> LineAnswer:
    told = redact(message)[:_MAX_MESSAGE]
    if code is None:
        return LineAnswer(message=told, passing=_PASSING_WORDS.search(message) is not None)
    return LineAnswer(message=told, code=code, passing=code in (_PASSING_RPC if code <= _LAST_RPC else _PASSING_HTTP))
