"""Shares: what one task's members are in the answer to several tasks, a JSON object in which each task has its own.

A share is the text of those members as it stands, in an object of its own, so that the task's reader reads what it
would read of an answer to that task alone. Members that were complete before an answer was cut are whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.replies.lenient_json import values_in
from shared.core.replies.spellings import plain
from shared.core.replies.texts import unfenced

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from shared.core.replies.jsonscan import Scan

MAX_MEMBERS = 200
"""Of one object: an answer to six tasks has six or seven."""

_MEMBER = re.compile(r'\s*("(?:[^"\\]|\\.){0,200}")\s*:\s*')
_BEHIND = re.compile(r"\s*(,?)")
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Share:
    """One task's share as JSON text; not `whole`: it breaks off, or is broken, and so is all that follows in it."""

    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    text: str
    whole: bool


def share_of(text: str, keys: Collection[str]) -> Share | None:
    """Return the members of these names, or None where the answer has none of them.

    Of several with one name the last complete one counts, in whichever object it stands.
    """
    seen = values_in(unfenced(text))
    names = {plain(key) for key in keys}
    found: dict[str, _Member] = {}
    for start in _objects(seen):
        for member in _named_values(seen.text, start):
            name = plain(member.key)
            if name in names and (member.whole or not (name in found and found[name].whole)):
                found[name] = member
    if not found:
        return None
    whole = all(member.whole for member in found.values())
    inside = ", ".join(f"{json.dumps(member.key)}: {member.text}" for member in _broken_last(found.values()))
    return Share(f"{{{inside}}}" if whole else f"{{{inside}", whole)


def _broken_last(members: Collection[_Member]) -> list[_Member]:
    return sorted(members, key=lambda member: not member.whole)


def _objects(seen: Scan) -> Iterator[int]:
    """Yield where the objects start that may hold members: those that are complete, and the first one that is not."""
    for value, (start, _) in zip(seen.values, seen.spans, strict=True):
        if isinstance(value.value, Mapping) and not value.salvaged:
            yield start
    broken = seen.broken if seen.unfinished is None else min(seen.unfinished, seen.broken or seen.unfinished)
    if broken is not None and seen.text[broken] == "{":
        yield broken


def _named_values(text: str, start: int) -> Iterator[_Member]:
    """Yield the members of the object that starts there, up to its end or to the first that cannot be read."""
    at = start + 1
    for _ in range(MAX_MEMBERS):
        named = _MEMBER.match(text, at)
        if named is None:
            return
        try:
            key = _DECODER.decode(named[1])
            _, end = _DECODER.raw_decode(text, named.end())
        except (ValueError, RecursionError):
            yield _Member(json.loads(named[1], strict=False), text[named.end() :], whole=False)
            return
        yield _Member(key, text[named.end() : end], whole=True)
        behind = _BEHIND.match(text, end)
        if behind is None or not behind[1]:
            return
        at = behind.end()
