"""Which document counts: `<task>.json` where it exists, else the newest `<task>.error-<n>.json`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from .errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

_DOCUMENT = re.compile(r"(?P<folder>.*)/(?P<task>[a-z][a-z0-9_-]{0,31})(?:\.error-(?P<number>[0-9]{1,4}))?\.json")
_RESULT_RANK = 10_000  # above every error's number, which ends at 9999
_SCHEME = "gs://"


def chosen(names: Iterable[str], *, task: str | None = None) -> list[str]:
    """Return the names of the documents to read: for each folder and task the result, else its newest error.

    >>> chosen(["v1/b/cat.jpg/7/detect.error-0.json", "v1/b/cat.jpg/7/detect.json", "v1/b/cat.jpg/7/detect/x.png"])
    ['v1/b/cat.jpg/7/detect.json']
    """
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for match in filter(None, map(_DOCUMENT.fullmatch, names)):
        if task in (None, match["task"]):
            key = match["folder"], match["task"]
            candidate = (int(match["number"] or _RESULT_RANK), match[0])
            best[key] = max(best.get(key, candidate), candidate)
    return [name for _, name in best.values()]


def chosen_in_order(listed: Iterable[T], *, name_of: Callable[[T], str], task: str | None = None) -> Iterator[T]:
    """Yield what `chosen` would return, of a listing in the order of names, however long: hardly any of it is held.

    All documents of a folder and task lie between two names, so what begins otherwise ends the choice among them.
    """
    begun, best = "", dict[tuple[str, str], tuple[int, T]]()
    for each in listed:
        name = name_of(each)
        if best and not name.startswith(begun):
            yield from (candidate for _, candidate in best.values())
            best.clear()
        match = _DOCUMENT.fullmatch(name)
        if match is None or task not in (None, match["task"]):
            continue
        key, rank = (match["folder"], match["task"]), int(match["number"] or _RESULT_RANK)
        if not best:
            begun = f"{match['folder']}/{match['task']}."
        if key not in best or rank > best[key][0]:
            best[key] = rank, each
    yield from (candidate for _, candidate in best.values())


def tasks(names: Iterable[str]) -> list[str]:
    """Return the tasks that have documents among these names."""
    return sorted({match["task"] for match in filter(None, map(_DOCUMENT.fullmatch, names))})


def siblings(name: str) -> str:
    """Return the prefix of all documents of the same image and task.

    >>> siblings("v1/b/cat.jpg/7/detect.error-0.json")
    'v1/b/cat.jpg/7/detect.'

    Raises:
        MalformedError: no document of Uplook has such a name.
    """
    match = _DOCUMENT.fullmatch(name)
    if match is None:
        raise MalformedError(f"Expected a name that ends in <task>.json or <task>.error-<n>.json, found {name!r}.")
    return f"{match['folder']}/{match['task']}."


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and object name of `gs://BUCKET/NAME`.

    Raises:
        MalformedError: it is no such URI.
    """
    bucket, _, name = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or not bucket or not name:
        raise MalformedError(f"Expected gs://BUCKET/NAME, found {uri!r}.")
    return bucket, name
