"""Result documents below a prefix, one for each image generation and task, whatever else lies there.

A reader takes `<task>.json` where it exists, else the newest `<task>.error-<n>.json`. What cannot be read is told,
never silently left out. Names are listed page by page and documents read some way ahead, several at a time, so that
the memory that it takes does not depend on how many there are.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

from shared.consumer.choosing import chosen_in_order
from shared.core.errors import NotFoundError, PermanentError
from shared.core.results import schemas
from shared.pipeline.concurrency import ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from shared.core.ports import ObjectStore

THREADS = 16
"""Documents that are read at a time. Each waits for the network most of its time."""
_BATCH = 8
"""Documents that a thread reads before it is switched to another: a switch takes as long as a document."""
_CLOCKS = dt.timedelta(hours=2)
"""An object is stored when its document was created, or soon after: as far as the clocks of three machines agree."""
SINCE = (
    "only results that were created at this time or later, such as 2026-11-21 or 2026-11-21T08:00 (UTC): older ones"
    " are not even read"
)
_MAX_BYTES = 64_000_000  # more than any document or mask that the pipeline writes
_IN_GENERATION = re.compile(r".*/[0-9]+/[^/]+")


class UnreadableError(ValueError):
    """Something below the prefix cannot be read; the message says what is wrong with it, and `place` where it lies."""

    place: str = ""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One result document (`uplook.result/1`), and where it lies: a `gs://` URI or a path."""

    place: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was left out, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that may be a document. `stored` is when it was written there; None where nobody can say."""

    name: str
    stored: dt.datetime | None = None


@dataclass(slots=True)
class Tally:
    """How far a reading is, for those who show it. Documents before `since` are `older`, read or not."""

    read: int = 0
    older: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        """Return the counts that are not zero, in words."""
        others = [(self.older, "older"), (self.left_out, "left out")]
        return ", ".join((f"{self.read:,} results read", *(f"{count:,} {what}" for count, what in others if count)))


class Results(Protocol):
    """Where results lie. Its methods may be called from several threads at once."""

    def listed(self) -> Iterator[Listed]:
        """Yield everything that may be a document, in the order of names, page by page."""

    def place(self, name: str) -> str:
        """Return where that is, for people and programs elsewhere."""

    def read_document(self, name: str) -> dict[str, Any]:
        """Read a document.

        Raises:
            UnreadableError: it is gone, too large or no result document.
        """

    def read_file(self, name: str) -> bytes:
        """Read a file by the name that a document, read before, gives it.

        Raises:
            UnreadableError: it is gone or too large.
        """


class BucketResults:
    """Results below a folder of a bucket: `""` is all of it, `v1/` one run."""

    def __init__(self, store: ObjectStore, bucket: str, folder: str) -> None:
        self._store = store
        self._bucket = bucket
        self._folder = folder

    def listed(self) -> Iterator[Listed]:
        """Yield the objects that lie in the folder of a generation."""
        for name, info in self._store.list_objects(self._bucket, self._folder):
            if _IN_GENERATION.fullmatch(name):
                # The age is by the server's clock, today's time by this machine's.
                yield Listed(name, dt.datetime.now(dt.UTC) - dt.timedelta(seconds=info.age_s))

    def place(self, name: str) -> str:
        """Return the URI."""
        return f"gs://{self._bucket}/{name}"

    def read_document(self, name: str) -> dict[str, Any]:
        """Read a document."""
        return parsed(self.read_file(name))

    def read_file(self, name: str) -> bytes:
        """Read a file that a document names."""
        try:
            return self._store.read(self._bucket, name, max_bytes=_MAX_BYTES)
        except (NotFoundError, PermanentError) as error:
            raise UnreadableError(str(error)) from error


def documents(
    results: Results,
    *,
    task: str | None = None,
    since: dt.datetime | None = None,
    on_unreadable: Callable[[Unreadable], None] | None = None,
    tally: Tally | None = None,
) -> Generator[StoredResult, None, None]:
    """Yield every result (of one task; `created` at this time or later), in the order of their names.

    What was stored before `since` was created before it, too, and is not read at all. `tally` counts along.

    Raises:
        NotFoundError: there is no such bucket.
        TransientError: the store is away, or refuses; nothing is left out for that.
        UnreadableError: without `on_unreadable`, at the first document that cannot be read.
    """
    tally = tally or Tally()
    chosen = chosen_in_order(results.listed(), name_of=lambda each: each.name, task=task)
    names = (each.name for each in _young(chosen, since, tally))
    with closing(ahead(partial(_read, results), _batches(names), at_once=THREADS)) as reads:
        for found in chain.from_iterable(outcome() for _, outcome in reads):
            if isinstance(found, UnreadableError):
                if on_unreadable is None:
                    raise found
                tally.left_out += 1
                on_unreadable(Unreadable(found.place, str(found)))
            elif since is not None and _created(found.document) < since:
                tally.older += 1
            else:
                tally.read += 1
                yield found


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    """Yield names for one thread each: one by one where there are few, for all threads to have some."""
    yield from ([name] for name in islice(names, 4 * THREADS))
    while batch := list(islice(names, _BATCH)):
        yield batch


def _read(results: Results, names: list[str]) -> list[StoredResult | UnreadableError]:
    found: list[StoredResult | UnreadableError] = []
    for name in names:
        try:
            found.append(StoredResult(results.place(name), results.read_document(name)))
        except UnreadableError as error:
            error.place = results.place(name)
            found.append(error)
    return found


def _young(listed: Iterator[Listed], since: dt.datetime | None, tally: Tally) -> Iterator[Listed]:
    """Leave out what was stored before a time, whatever the clocks say."""
    for each in listed:
        if since is None or each.stored is None or each.stored >= since - _CLOCKS:
            yield each
        else:
            tally.older += 1


def parsed(data: bytes) -> dict[str, Any]:
    """Return a result document.

    Raises:
        UnreadableError: it is no JSON, or no `uplook.result/1`, or its `created` is no time.
    """
    try:
        document: dict[str, Any] = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"expected JSON: {error}") from error
    wrong = schemas.problem(document)
    if wrong is not None:
        raise UnreadableError(wrong)
    try:
        _created(document)
    except ValueError as error:
        raise UnreadableError(f"$.created: expected a time: {error}") from error
    return document


def _created(document: dict[str, Any]) -> dt.datetime:
    moment = dt.datetime.fromisoformat(document["created"])
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
