"""Lenient JSON: the values in the text of an answer, as it is written, or as it is meant where that differs.

Rewritten is what is not JSON but means the same: Python's literals, commas too many, comments, an escape too many, and
of these only what has one meaning. Words without quotes, curly quotes and escapes that JSON does not know stay as they
are (of "beta" behind a backslash JSON would make a backspace and "eta"), and so does all text outside of brackets.
Whether the outcome is JSON is for `jsonscan` to see: nothing here closes what is open or adds what is missing.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.replies.jsonscan import MAX_TEXT, scan_json

if TYPE_CHECKING:
    from shared.core.replies.jsonscan import Scan

MAX_FAILED_BRACKETS = 50
"""Brackets around something else than values: beyond, the text is prose, and the rest of it stays as it is."""

MAX_TOKENS = 100_000
"""That are looked at, about a sixth of a second: a hundred boxes with outlines take a third of them."""

_VALUE_STARTS = ("[", "{")
_MARKS = ("'", "(", "#", "//", "/*", "True", "False", "None")
_COMMA_TOO_MANY = re.compile(r",\s*[\]})]")
_OPENING = re.compile(r"[\[{]")
_TOKEN = re.compile(
    r"""(?P<space>[\s\ufeff]+)
    | (?P<comment>//[^\n]*|\#[^\n]*)
    | (?P<remark>/\*)
    | (?P<double>"[^"\\]*(?:\\.[^"\\]*)*")
    | (?P<single>'[^'\\]*(?:\\.[^'\\]*)*')
    | (?P<word>-?[A-Za-z_]\w*)
    | (?P<number>[-+\d.][-+\w.]*)
    | (?P<open>[\[{(])
    | (?P<close>[\]})])
    | (?P<comma>,)
    | (?P<colon>:)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {word: word for word in ("true", "false", "null", "NaN", "Infinity", "-Infinity")}
_WORDS |= {"True": "true", "False": "false", "None": "null"}
_BRACKETS = {"(": "[", ")": "]"}  # a tuple is a list
_ESCAPE_OR_QUOTE = re.compile(r'\\(x[0-9A-Fa-f]{2}|U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}|.)|"', re.DOTALL)


def values_in(text: str, *, member_key: re.Pattern[str] | None = None) -> Scan:
    """Every complete value of a text: of the text itself, unless its rewritten form holds more that is whole.

    A text that is one JSON string, or JSON with all its quotes escaped, counts as what that string says.
    """
    plain = scan_json(text, member_key=member_key)
    if not plain.values and (inside := unquoted(text[:MAX_TEXT])) is not None:
        return replace(values_in_once(inside, member_key=member_key), rewritten=True)
    return plain if plain.broken is None else _better(plain, text, member_key)


def values_in_once(text: str, *, member_key: re.Pattern[str] | None = None) -> Scan:
    """The same, but for a text in quotes."""
    plain = scan_json(text, member_key=member_key)
    return plain if plain.broken is None else _better(plain, text, member_key)


def value_of(text: str) -> Any:
    """The value that a text is, a fence around it aside; None for anything else, and for text after it or before."""
    bare = text.strip().strip("`").removeprefix("json").strip()
    if not bare.startswith(_VALUE_STARTS):
        return None
    seen = values_in_once(bare)
    alone = len(seen.values) == 1 and seen.broken is None and seen.spans[0] == (0, len(seen.text))
    return seen.values[0].value if alone else None


def as_json(text: str) -> str:
    """`text` with every bracketed part spelled as JSON, as far as it has one meaning; the same text if it has none."""
    if not (any(mark in text for mark in _MARKS) or _COMMA_TOO_MANY.search(text)):
        return text
    pieces: list[str] = []
    at = failed = 0
    left = MAX_TOKENS
    while failed < MAX_FAILED_BRACKETS and left > 0 and (opening := _OPENING.search(text, at)):
        pieces.append(text[at : opening.start()])
        rewriting = _Rewriting(text, opening.start())
        failed += not rewriting.run(left)
        left -= len(rewriting.pieces)
        pieces += rewriting.pieces
        at = rewriting.at
    pieces.append(text[at:])
    return "".join(pieces)


def unquoted(text: str) -> str | None:
    """What a text says that is one JSON string, or JSON with every quote escaped; None if it is neither."""
    bare = text.strip()
    quoted = bare if bare.startswith('"') else f'"{bare}"'
    if '\\"' not in bare:
        return None
    try:
        inside = json.loads(quoted, strict=False)
    except ValueError:
        return None
    return inside if isinstance(inside, str) else None


def _better(plain: Scan, text: str, member_key: re.Pattern[str] | None) -> Scan:
    rewritten = as_json(text[:MAX_TEXT])
    if rewritten == plain.text:
        return plain
    seen = scan_json(rewritten, member_key=member_key)
    more = seen.broken is None or (len(seen.values), -seen.lost) > (len(plain.values), -plain.lost)
    return replace(seen, capped=seen.capped or len(text) > MAX_TEXT, rewritten=True) if more else plain


class _Rewriting:
    """One bracket and all inside of it, token by token; it ends behind the bracket, or at what is no token."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.pieces: list[str] = []
        self._depth = 0
        self._comma: int | None = None  # where in `pieces` a comma stands that nothing follows yet

    def run(self, most_tokens: int) -> bool:
        """Whether the bracket was closed, or the text ended in it, after at most so many tokens."""
        while len(self.pieces) < most_tokens and (match := _TOKEN.match(self.text, self.at)):
            end = match.end() if match.lastgroup != "remark" else self.text.find("*/", match.end()) + 2
            piece = self._rewritten(match)
            if piece is None or end < match.end():
                break
            self.pieces.append(piece)
            self.at = end
            if not self._depth:
                return True
        if self.at >= len(self.text):
            return True
        self.pieces.append(self.text[self.at])  # looked at once: whoever goes on begins behind it
        self.at += 1
        return False

    def _rewritten(self, match: re.Match[str]) -> str | None:
        kind, token = match.lastgroup, match[0]
        if kind == "space":
            return token
        if kind in {"comment", "remark"}:
            return " "
        if kind == "comma":
            self._comma = len(self.pieces)
            return token
        if kind == "close" and self._comma is not None:
            self.pieces[self._comma] = ""
        self._comma = None
        self._depth += (kind == "open") - (kind == "close")
        match kind:
            case "word":
                return _WORDS.get(token)
            case "single" | "double":
                return _string(token)
            case _:
                return _BRACKETS.get(token, token)


def _string(token: str) -> str:
    """A string in JSON's quotes, with JSON's escapes."""
    if token[0] == '"' and "\\" not in token:
        return token
    return f'"{_ESCAPE_OR_QUOTE.sub(_escape, token[1:-1])}"'


def _escape(match: re.Match[str]) -> str:
    if match[0] == '"':
        return '\\"'
    if len(match[1]) > 1:  # Python's escapes of one and of four bytes; what JSON cannot say otherwise is a letter
        return json.dumps(chr(int(match[1][1:], 16)))[1:-1]
    return "'" if match[1] == "'" else match[0]
