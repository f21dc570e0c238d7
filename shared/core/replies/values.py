"""From the text of an answer to its JSON values: as it is written, or as it is meant where that differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.replies.jsonscan import MAX_TEXT, scan
from shared.core.replies.leniency import as_json, unquoted

if TYPE_CHECKING:
    import re

    from shared.core.replies.jsonscan import Scan

_BRACKETS = ("[", "{")


def values_in(text: str, *, member_key: re.Pattern[str] | None = None) -> Scan:
    """Every complete value of a text: of the text itself, unless its rewritten form holds more that is whole.

    A text that is one JSON string, or JSON with all its quotes escaped, counts as what that string says.
    """
    plain = scan(text, member_key=member_key)
    if not plain.found and (inside := unquoted(text[:MAX_TEXT])) is not None:
        return replace(values_in_once(inside, member_key=member_key), rewritten=True)
    return plain if plain.broken is None else _better(plain, text, member_key)


def values_in_once(text: str, *, member_key: re.Pattern[str] | None = None) -> Scan:
    """The same, but for a text in quotes."""
    plain = scan(text, member_key=member_key)
    return plain if plain.broken is None else _better(plain, text, member_key)


def value_of(text: str) -> Any:
    """The value that a text is, a fence around it aside; None for anything else, and for text after it or before."""
    bare = text.strip().strip("`").removeprefix("json").strip()
    if not bare.startswith(_BRACKETS):
        return None
    seen = values_in_once(bare)
    alone = len(seen.found) == 1 and seen.broken is None and seen.spans[0] == (0, len(seen.text))
    return seen.found[0].value if alone else None


def _better(plain: Scan, text: str, member_key: re.Pattern[str] | None) -> Scan:
    rewritten = as_json(text[:MAX_TEXT])
    if rewritten == plain.text:
        return plain
    seen = scan(rewritten, member_key=member_key)
    more = seen.broken is None or (len(seen.found), -seen.lost) > (len(plain.found), -plain.lost)
    return replace(seen, capped=seen.capped or len(text) > MAX_TEXT, rewritten=True) if more else plain
