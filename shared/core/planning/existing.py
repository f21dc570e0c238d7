"""What is there already of the work for many uploads: read off one listing of results, without a look at each."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from shared.core.naming import Paths

PAGE = 1000
"""Names of one page of a listing: more of others than that are jumped over."""

_DOCUMENT = re.compile(r"(?P<task>[a-z][a-z0-9_-]{0,31})(?P<error>\.error-[0-9]{1,4})?\.json")
_AFTER_SLASH = "0"  # the character behind `/`: below it end all names in a folder


@dataclass(slots=True)
class Committed:
    """The tasks of one upload and run that have a result, by the name of its document; and those that have failed."""

    results: dict[str, str] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)


def committed(wanted: Collection[Paths], names: Callable[[str, str], Iterator[str]]) -> Mapping[str, Committed]:
    """Return what is committed of this work, by its folder.

    `names(after, before)` lists the names of results between two names, in byte order. It is begun anew where more than
    a page of foreign names lies before the next folder; so uploads that lie together cost one listing, and such that
    lie far apart at most one page each.
    """
    folders = {f"{each.prefix}{each.folder}": each.folder for each in wanted}
    starts = sorted(f"{folder}/" for folder in folders)
    end = max((f"{folder}{_AFTER_SLASH}" for folder in folders), default="")
    found: defaultdict[str, Committed] = defaultdict(Committed)
    at: int | None = 0 if starts else None
    while at is not None:
        at = _read(names(starts[at], end), folders, starts, found)
    return found


def _read(
    names: Iterator[str], folders: Mapping[str, str], starts: Sequence[str], found: Mapping[str, Committed]
) -> int | None:
    """Note what these names say; return at which start to go on, None where nothing can follow."""
    foreign = 0
    for name in names:
        folder, _, last = name.rpartition("/")
        document = _DOCUMENT.fullmatch(last) if folder in folders else None
        if document is not None:
            foreign = 0
            _note(document, name, found[folders[folder]])
            continue
        foreign += 1
        if foreign > PAGE and not _within(name, folders):
            following = bisect_right(starts, name)
            return following if following < len(starts) else None
    return None


def task_committed(name: str) -> str | None:
    """Return which task a result document belongs to, by its name; None for failures and all else."""
    document = _DOCUMENT.fullmatch(name.rpartition("/")[2])
    return None if document is None or document["error"] else document["task"]


def _note(document: re.Match[str], name: str, seen: Committed) -> None:
    if document["error"]:
        seen.failures.add(document["task"])
    else:
        seen.results[document["task"]] = name


def _within(name: str, folders: Mapping[str, str]) -> bool:
    """Whether a name lies below one of the folders, in which documents may follow it: a mask, for example."""
    at = name.rfind("/")
    while at > 0:
        if name[:at] in folders:
            return True
        at = name.rfind("/", 0, at)
    return False
