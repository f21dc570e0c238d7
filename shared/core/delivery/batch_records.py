"""Batch records: which lines went into which job, and how far it is. One log, whose numbers are taken one by one.

A record is created under the next number, create-only, before its job is: so of several who would make a job of the
same lines, one takes the number, and the others look again and find its lines taken. A record that is closed keeps its
number, so that nobody takes it a second time; its lines wait for nothing more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from shared.core import jsontext
from shared.core.errors import UplookError
from shared.core.replies.answer import is_answer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shared.core.delivery.batch_lines import WaitingLine
    from shared.core.gemini.batches import BatchJob, LineAnswer

RECORD_SCHEMA: Final = "uplook.batch/1"
RECORD_STATE: Final = "uplook-batch-state"
"""Metadata of a record: its state, so that closed ones need not be read."""

RecordState = Literal["planned", "creating", "created", "closed"]
_STATES: Final = ("planned", "creating", "created", "closed")

CREATING_S: Final = 900.0
"""Longer than a tick and its call can take: whoever was about to create a job has done so by then, or never will."""

GIVE_UP_S: Final = 86_400.0
"""A job that the service does not take for so long is given up: its lines are asked about by ordinary calls."""

MAX_TRIES: Final = 1
"""How many further jobs a line goes into that a job has left unanswered."""

MAX_RECORD_BYTES: Final = 4_000_000
_DIGITS: Final = 8


class BatchRecordError(UplookError):
    """An object is no batch record: a bug or a foreign hand."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How large one job may become: the services take 2 GB and 200,000 lines; what is small is lost in small parts."""

    lines: int = 1000
    bytes: int = 50_000_000


@dataclass(frozen=True, slots=True)
class TakenLine:
    """A line in a job: exactly this generation of its object. `nano_usd` was counted when the job was made."""

    name: str
    generation: int
    line_id: str
    nano_usd: int
    tries: int = 0


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One job, from the plan to the end. `made_at` is RFC 3339; `job` is the service's name of it, once it has one.

    `attempt` is whoever creates it now. `answered` and `left` count its lines, once it is closed.
    """

    number: int
    model: str
    lines: tuple[TakenLine, ...]
    made_at: str
    state: RecordState = "planned"
    attempt: str = ""
    job: str | None = None
    seen: str = ""
    answered: int = 0
    left: int = 0
    display_name: str = field(default="")

    def __post_init__(self) -> None:
        if not self.display_name:
            object.__setattr__(self, "display_name", _display_name(self))

    @property
    def line_ids(self) -> frozenset[str]:
        """The names of its lines within the job."""
        return frozenset(line.line_id for line in self.lines)

    def creating(self, attempt: str) -> BatchRecord:
        """Return it as one that `attempt` is about to create a job for."""
        return replace(self, state="creating", attempt=attempt)

    def planned(self) -> BatchRecord:
        """Return it as one without a job: the service said that it made none."""
        return replace(self, state="planned", attempt="")

    def created(self, job: BatchJob) -> BatchRecord:
        """Return it with its job."""
        return replace(self, state="created", job=job.name, seen=job.state)

    def closed(self, *, answered: int, left: int) -> BatchRecord:
        """Return it as one whose lines are all dealt with."""
        return replace(self, state="closed", answered=answered, left=left, attempt="")


def record_name(number: int, *, folder: str) -> str:
    """Return the name of a record's object.

    >>> record_name(7, folder="batches/jobs/")
    'batches/jobs/00000007.json'
    """
    return f"{folder}{number:0{_DIGITS}}.json"


def number_of(name: str, *, folder: str) -> int | None:
    """Return the number of a record by its object's name, or None where it is none."""
    digits = name.removeprefix(folder).removesuffix(".json")
    fine = digits.isascii() and digits.isdecimal() and len(digits) == _DIGITS
    return int(digits) if fine and name == record_name(int(digits), folder=folder) else None


def lines_for_job(
    waiting: Iterable[WaitingLine], taken: Collection[tuple[str, int]], limits: JobLimits
) -> Sequence[WaitingLine]:
    """Return the lines of the next job: of one model, that of the oldest line, the oldest first, within the limits.

    `taken` are those that other jobs have, by name and generation. No two lines share a name within the job. A line
    that is larger than the limit is a job of its own.
    """
    free = [line for line in waiting if (line.name, line.generation) not in taken]
    by_age = sorted(free, key=lambda line: (-line.age_s, line.name))
    chosen: list[WaitingLine] = []
    ids = set[str]()
    size = 0
    for line in by_age:
        if line.model != by_age[0].model or line.line_id in ids:
            continue
        if chosen and (len(chosen) == limits.lines or size + line.size > limits.bytes):
            break
        chosen.append(line)
        ids.add(line.line_id)
        size += line.size
    return chosen


def choose_job(found: Sequence[BatchJob]) -> tuple[BatchJob | None, Sequence[BatchJob]]:
    """Return the job to follow among those of one name, and those to cancel: there may be two after a lost answer.

    One that has succeeded counts, else the oldest that goes on: whoever came late has cancelled its own job, which may
    be the older one. Else the oldest.
    """
    ranked = sorted(found, key=lambda job: (job.state != "SUCCEEDED", job.ended, job.created, job.name))
    return (ranked[0], [job for job in ranked[1:] if not job.ended]) if ranked else (None, ())


Verdict = Literal["answered", "again", "ordinary"]


def verdict_on(answer: LineAnswer, *, tries: int) -> tuple[Verdict, str]:
    """Return what to do with a line of an ended job, and why: what fails twice, or for good, is asked by a call."""
    if answer.response is not None and is_answer(answer.response):
        return "answered", ""
    reason = answer.message or "its response is no answer of generateContent"
    return ("again" if answer.passing and tries < MAX_TRIES else "ordinary"), reason


def format_record(record: BatchRecord) -> bytes:
    """Return a record as JSON."""
    return jsontext.dump_compact(
        {
            "schema": RECORD_SCHEMA,
            "number": record.number,
            "model": record.model,
            "made_at": record.made_at,
            "state": record.state,
            "attempt": record.attempt,
            "job": record.job,
            "seen": record.seen,
            "answered": record.answered,
            "left": record.left,
            "display_name": record.display_name,
            # A closed one is history: what its lines were is of no use.
            "lines": []
            if record.state == "closed"
            else [
                [line.name, str(line.generation), line.line_id, str(line.nano_usd), line.tries] for line in record.lines
            ],
        }
    )


def parse_record(data: bytes, *, number: int) -> BatchRecord:
    """Read a record.

    Raises:
        BatchRecordError: it is none, or another one.
    """
    try:
        said = json.loads(data)
        if said["schema"] != RECORD_SCHEMA or said["number"] != number or said["state"] not in _STATES:
            raise BatchRecordError(f"Expected a record of {RECORD_SCHEMA} with the number {number}.")
        lines = tuple(
            TakenLine(str(name), int(generation), str(line_id), int(nano_usd), int(tries))
            for name, generation, line_id, nano_usd, tries in said["lines"]
        )
        return BatchRecord(
            number=number,
            model=_text(said, "model"),
            lines=lines,
            made_at=_text(said, "made_at"),
            state=said["state"],
            attempt=_text(said, "attempt"),
            job=None if said["job"] is None else _text(said, "job"),
            seen=_text(said, "seen"),
            answered=int(said["answered"]),
            left=int(said["left"]),
            display_name=_text(said, "display_name"),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BatchRecordError(f"A batch record is damaged: {error!r}.") from error


def _text(said: Mapping[str, Any], key: str) -> str:
    if not isinstance(said[key], str):
        raise TypeError(f"{key}: expected a text")
    return str(said[key])


def _display_name(record: BatchRecord) -> str:
    """Return the name by which the service's own list shows whether the job was created, of these very lines."""
    what = jsontext.dump_compact([record.made_at, *([line.name, str(line.generation)] for line in record.lines)])
    return f"uplook-{record.number:06}-{hashlib.sha256(what).hexdigest()[:24]}"
