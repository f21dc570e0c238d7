"""Finds complete JSON values in hostile text; nothing is repaired and nothing is guessed.

What is not JSON but means the same is rewritten before, see `lenient_json`, which tells, too, which text counts.

Partial parsers and repair libraries read the cut-off `[265,702,433,81` as a box. Here a value counts only
when the standard decoder reads it to its end. Where the outermost value fails, its complete members count:
a cut-off list keeps its finished objects, but an unfinished object never hands out its inside.

The work is bounded for any text: in length, in failed starts, in characters decoded in vain, in values.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_TEXT = 500_000
"""Characters that are read: twice what the largest answer of today's models (65,536 tokens) takes."""

MAX_VALUES = 5_000
MAX_FAILED_STARTS = 200
MAX_WASTE = 3
"""Characters decoded in vain, in multiples of the text: list, wrapper and one broken member each cost one."""

_INTEGER_DIGITS = 20  # beyond, int() is slow or refuses; the value is far outside of any range anyway
_ANY_START = re.compile(r"[\[{]")
_OBJECT_START = re.compile(r"\{")
_PROSE = re.compile(r"""\[[^\[\]{}"']{0,80}\]|\{[^\[\]{}"']{0,80}\}""")
_FIRST_TOKEN = re.compile(r"[\[{]\s*")
_STRING_LIST = re.compile(r'(?:\{\s*"[^"\\]*"\s*:\s*)?\[\s*(?=")')
_COMMA = re.compile(r"\s*,\s*")


class RepeatedKeys(dict[str, Any]):
    """An object in which a key occurred more than once; the last value won, as everywhere in JSON."""


class JsonValue(NamedTuple):
    """One complete value. `salvaged` says that it was found inside or after something broken."""

    value: Any
    salvaged: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """What a text holds, in order of appearance.

    `unfinished` is where the first value starts that runs into the end of the text, `broken` the first one
    that fails at all, `lost` the number of broken members as far as they show. `attempts` counts decodings and
    is bounded for any text. `spans` holds where each of `values` starts and ends in `text`, which is the text
    that was scanned; `rewritten` says that it is not the one that was sent, see `lenient_json`.
    """

    values: tuple[JsonValue, ...]
    spans: tuple[tuple[int, int], ...]
    unfinished: int | None
    broken: int | None
    lost: int
    repeated_keys: bool
    capped: bool
    attempts: int
    text: str
    rewritten: bool = False


def scan_json(text: str, *, member_key: re.Pattern[str] | None = None) -> Scan:
    """Every complete object and list in `text` that no other complete value holds.

    `member_key` matches a key that only a member has (never the object around the members): an unfinished
    object that has one is a broken member, so that objects inside it are parts and not members themselves.
    """
    scanner = _Scanner(text[:MAX_TEXT], member_key)
    scanner.run()
    return Scan(
        values=tuple(scanner.values),
        spans=tuple(scanner.spans),
        unfinished=scanner.unfinished,
        broken=scanner.broken,
        lost=scanner.lost,
        repeated_keys=scanner.repeated > 0,
        capped=scanner.exhausted() or len(text) > MAX_TEXT,
        attempts=scanner.attempts,
        text=scanner.text,
    )


def complete_strings(text: str, start: int) -> list[str]:
    """The strings that a broken list (or an object around just that list) still holds complete, from `start`."""
    opening = _STRING_LIST.match(text, start)
    strings: list[str] = []
    at = opening.end() if opening else len(text)
    while len(strings) < MAX_VALUES and text.startswith('"', at):
        try:
            value, end = _STRING_DECODER.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        strings.append(value)
        comma = _COMMA.match(text, end)
        at = comma.end() if comma else len(text)
    return strings


class _Scanner:
    """The state of one scan: reads values off the text until it ends or a bound is reached."""

    def __init__(self, text: str, member_key: re.Pattern[str] | None) -> None:
        self.text = text
        self.values: list[JsonValue] = []
        self.spans: list[tuple[int, int]] = []
        self.unfinished: int | None = None
        self.broken: int | None = None
        self.attempts = 0
        self.repeated = 0
        self.lost = 0
        self._member_key = member_key
        self._last_close = max(text.rfind("}"), text.rfind("]"))
        self._failed_starts = 0
        self._waste = 0
        self._repeated_here = 0
        self._decoder = json.JSONDecoder(
            strict=False,  # real answers hold raw line breaks inside base64 strings
            object_pairs_hook=self._object,
            parse_int=_integer,
        )

    def run(self) -> None:
        at = self._next_start(0)
        while at is not None and not self.exhausted():
            at = self._next_start(self._read(at))

    def exhausted(self) -> bool:
        return (
            len(self.values) >= MAX_VALUES
            or self._failed_starts >= MAX_FAILED_STARTS
            or self._waste > MAX_WASTE * len(self.text)
        )

    def _next_start(self, at: int) -> int | None:
        """After a failure only objects may start a value: a list may be a box inside of something broken."""
        pattern = _ANY_START if self.broken is None else _OBJECT_START
        match = pattern.search(self.text, at)
        while match and self.unfinished is not None and self._is_named(match.start()):
            match = pattern.search(self.text, match.end())
        return match.start() if match else None

    def _is_named(self, at: int) -> bool:
        """Whether what starts here is the value of a key: then it is a part of an object, not a member."""
        before = at - 1
        while before >= 0 and self.text[before].isspace():
            before -= 1
        return before >= 0 and self.text[before] == ":"

    def _read(self, at: int) -> int:
        self.attempts += 1
        self._repeated_here = 0
        try:
            value, end = self._decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated string")  # its position is where that string begins
            return self._fail(at, len(self.text) if cut else error.pos)
        except RecursionError:
            self._waste += len(self.text)
            return self._fail(at, at)
        self.repeated += self._repeated_here
        self.values.append(JsonValue(value, salvaged=self.broken is not None))
        self.spans.append((at, end))
        return end

    def _fail(self, at: int, reached: int) -> int:
        """Where to look on after the decoder gave up at `reached`: the next characters, or nowhere."""
        self._failed_starts += 1
        self._waste += reached - at
        if prose := _PROSE.match(self.text, at):
            return prose.end()
        first_token = _FIRST_TOKEN.match(self.text, at)
        is_json = first_token is None or reached != first_token.end() or reached == len(self.text)
        self._count_loss(at, is_json=is_json)
        self.broken = at if self.broken is None else self.broken
        if not is_json or reached <= self._last_close:
            return at + 1
        inside = self.unfinished is not None
        self.unfinished = at if self.unfinished is None else self.unfinished
        return len(self.text) if inside or self._is_member(at) else at + 1

    def _count_loss(self, at: int, *, is_json: bool) -> None:
        """A broken object is a lost member, unless it only stands around members."""
        around = self.broken is None and is_json and not self._is_member(at)
        if self.text[at] == "{" and not around and not self._is_named(at):
            self.lost += 1

    def _is_member(self, at: int) -> bool:
        if self._member_key is None or self.text[at] == "[":
            return False
        inner = self.text.find("{", at + 1)
        return bool(self._member_key.search(self.text, at, inner if inner >= 0 else len(self.text)))

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        plain = dict(pairs)
        if len(plain) == len(pairs):
            return plain
        self._repeated_here += 1
        return RepeatedKeys(plain)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else float(digits)


_STRING_DECODER = json.JSONDecoder(strict=False)
