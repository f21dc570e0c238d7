"""Batch lines: asks that wait for a batch job, and then for their image event, each in an object of its own.

A line is written by the worker that would have asked the model, with all that the journal will say of the ask but the
answer. Whoever follows the jobs replaces it in the very generation that went into a job, by its answer or by the reason
why there is none; so a line that was forgotten meanwhile stays forgotten. The worker then journals the answer, or asks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

from shared.core import jsontext
from shared.core.delivery import journal
from shared.core.errors import PermanentError, UplookError
from shared.core.events import envelopes
from shared.core.events.storage_events import STAMP
from shared.core.naming import BATCH_LINES
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.delivery.journal import JournalledReply
    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import ObjectInfo

LINE_SCHEMA: Final = "uplook.batch-line/1"
LineState = Literal["waiting", "answered", "unanswered"]
_STATES: Final = ("waiting", "answered", "unanswered")

STATE, LINE, MODEL, MOST, TRIES, BATCH = (
    f"uplook-{each}" for each in ("line-state", "line", "model", "most-nano-usd", "tries", "batch")
)
"""Metadata of a line: jobs are planned from a listing, which reads none. BATCH is the number of its last job."""

MAX_HEADER_BYTES: Final = 1_000_000
_LINE_ID_CHARS: Final = 40
_NAME: Final = re.compile(rf"{BATCH_LINES}[^/]+/[^/]+/.+/[0-9]{{1,19}}/[^/]+\.json", re.DOTALL)


class BatchLineError(UplookError):
    """An object is no batch line: a bug or a foreign hand."""


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One ask, and what has become of it. `request` is the body to send (JSON), until there is an answer or a reason.

    `entry` is what will be journalled; while there is no answer, its response is empty. `tries` counts the jobs that
    brought none.
    """

    event: ImageEvent
    entry: JournalledReply
    state: LineState = "waiting"
    tries: int = 0
    reason: str = ""
    request: bytes = field(default=b"", repr=False)

    @property
    def line_id(self) -> str:
        """Its name within a job."""
        return line_id_of(self.entry.key)

    def answered(self, response: Mapping[str, Any], *, at: str, batch: str) -> BatchLine:
        """Return the line with its answer, which came `at` a time from the job that the service calls `batch`."""
        entry = replace(self.entry, response=response, answered_at=at, batch=batch)
        return replace(self, entry=entry, state="answered", request=b"")

    def unanswered(self, reason: str) -> BatchLine:
        """Return the line as one that is to be asked about by an ordinary call."""
        return replace(self, state="unanswered", reason=reason, request=b"")

    def again(self, reason: str) -> BatchLine:
        """Return the line for the next job."""
        return replace(self, tries=self.tries + 1, reason=reason)

    def metadata(self, *, most_nano_usd: int, batch: int | None = None) -> dict[str, str]:
        """Return what a listing says of it."""
        return {
            STAMP: self.entry.attempt,
            STATE: self.state,
            LINE: self.line_id,
            MODEL: self.entry.model,
            MOST: str(most_nano_usd),
            TRIES: str(self.tries),
            **({} if batch is None else {BATCH: str(batch)}),
        }


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A line that waits for a job, as a listing shows it. Sizes in bytes; `nano_usd` is the most that it can cost."""

    name: str
    generation: int
    size: int
    model: str
    line_id: str
    nano_usd: int
    tries: int
    age_s: float


def line_id_of(key: str) -> str:
    """Return the name of an ask within a job, by its key: short enough for a label of Vertex."""
    return key[:_LINE_ID_CHARS]


def source_at(name: str) -> Source:
    """Return the upload that a line is about, by its name; of a very long one as much as the name keeps.

    >>> source_at("batches/lines/v1/photos/a/cat%23.jpg/7/caption.json")
    Source(bucket='photos', name='a/cat#.jpg', generation=7, size=None, content_type=None, crc32c=None)
    """
    _, bucket, *folders, generation, _ = name.removeprefix(BATCH_LINES).split("/")
    kept = "/".join(folders).partition("~")[0]
    return Source(bucket, unquote(kept), int(generation))


def listed_line(name: str, info: ObjectInfo) -> WaitingLine | None:
    """Return a line that waits for a job, or None where the object is none, or waits for nothing."""
    said = info.metadata
    numbers = [said.get(key, "") for key in (MOST, TRIES)]
    fine = all(each.isascii() and each.isdecimal() and len(each) < 19 for each in numbers)  # noqa: PLR2004 - 64 bits
    fine = fine and _NAME.fullmatch(name) is not None
    if said.get(STATE) != "waiting" or not fine or not said.get(LINE) or not said.get(MODEL):
        return None
    most, tries = map(int, numbers)
    return WaitingLine(name, info.generation, info.size, said[MODEL], said[LINE], most, tries, info.age_s)


def format_line(line: BatchLine) -> bytes:
    """Return a line as it is stored: a line of JSON about it, and a further one, the request, while there is one."""
    header = {
        "schema": LINE_SCHEMA,
        "state": line.state,
        "tries": line.tries,
        "reason": line.reason,
        "event": json.loads(envelopes.format_image_event(line.event).data),
        "entry": json.loads(journal.format_reply(line.entry)),
    }
    return json.dumps(header).encode() + b"\n" + line.request


def parse_line(data: bytes) -> BatchLine:
    """Read a stored line, or so much of one that its first line is whole.

    Raises:
        BatchLineError: it is none.
    """
    head, _, request = data.partition(b"\n")
    try:
        header = json.loads(head)
        if header["schema"] != LINE_SCHEMA or header["state"] not in _STATES:
            raise BatchLineError(f"Expected a line of {LINE_SCHEMA}, found {str(header['schema'])[:60]!r}.")
        tries = header["tries"]
        if not isinstance(tries, int) or isinstance(tries, bool) or tries < 0:
            raise BatchLineError("Expected a whole number of tries.")
        return BatchLine(
            event=envelopes.parse_image_event(jsontext.dump_compact(header["event"])),
            entry=journal.parse_reply(json.dumps(header["entry"]).encode()),
            state=header["state"],
            tries=tries,
            reason=str(header["reason"]),
            request=request,
        )
    except (ValueError, KeyError, TypeError, RecursionError, PermanentError, journal.JournalError) as error:
        raise BatchLineError(f"A batch line is damaged: {error!r}.") from error
