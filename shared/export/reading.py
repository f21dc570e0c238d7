"""Result documents below a prefix, one for each image generation and task, whatever else lies there.

A reader takes `<task>.json` where it exists, else the newest `<task>.error-<n>.json`. What cannot be read is told,
never silently left out.
"""

from __future__ import annotations

import json
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.consumer.choosing import chosen
from shared.core.errors import NotFoundError, PermanentError
from shared.core.results import schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from shared.core.ports import ObjectStore

THREADS = 8
_WINDOW = 4 * THREADS
_MAX_BYTES = 64_000_000  # more than any document or mask that the pipeline writes
_IN_GENERATION = re.compile(r".*/[0-9]+/[^/]+")


class UnreadableError(ValueError):
    """Something below the prefix cannot be read; the message says what is wrong with it."""


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


class Results(Protocol):
    """Where results lie. Its methods may be called from several threads at once."""

    def names(self) -> Sequence[str]:
        """Return the names of everything that may be a document."""

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

    def names(self) -> Sequence[str]:
        """Return the names of the objects that lie in the folder of a generation."""
        listed = self._store.list_names(self._bucket, self._folder)
        return [name for name in listed if _IN_GENERATION.fullmatch(name)]

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
    results: Results, *, task: str | None = None, on_unreadable: Callable[[Unreadable], None] | None = None
) -> Iterator[StoredResult]:
    """Yield every result (of one task), in the order of their names.

    Raises:
        NotFoundError: there is no such bucket.
        TransientError: the store is away, or refuses; nothing is left out for that.
        UnreadableError: without `on_unreadable`, at the first document that cannot be read.
    """
    with closing(_ahead(results.read_document, chosen(results.names(), task=task))) as reads:
        for name, read in reads:
            try:
                found = StoredResult(results.place(name), read())
            except UnreadableError as error:
                if on_unreadable is None:
                    raise
                on_unreadable(Unreadable(results.place(name), str(error)))
            else:
                yield found


def parsed(data: bytes) -> dict[str, Any]:
    """Return a result document.

    Raises:
        UnreadableError: it is no JSON, or no `uplook.result/1`.
    """
    try:
        document: dict[str, Any] = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"expected JSON: {error}") from error
    wrong = schemas.problem(document)
    if wrong is not None:
        raise UnreadableError(wrong)
    return document


def _ahead(
    read: Callable[[str], dict[str, Any]], names: Iterable[str]
) -> Generator[tuple[str, Callable[[], dict[str, Any]]], None, None]:
    """Yield names in order, each with the outcome of its read, which began some names ago."""
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="read")
    waiting: deque[tuple[str, Future[dict[str, Any]]]] = deque()
    try:
        for name in names:
            waiting.append((name, pool.submit(read, name)))
            if len(waiting) == _WINDOW:
                first, future = waiting.popleft()
                yield first, future.result
        for last, future in waiting:
            yield last, future.result
    finally:
        pool.shutdown(cancel_futures=True)  # where a store is away, every read that has not begun would wait for it
