"""Read JSON as leniently as Google's front end: trailing commas, single quotes, bare keys.

The published curl examples rely on it (`{'file': {'display_name': 'X'}}`, a comma after the last part).
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100

_SPACE = re.compile(r"\s*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"' + r"|'[^'\\]*(?:\\.[^'\\]*)*'", re.DOTALL)
_BARE_KEY = re.compile(r"[A-Za-z_$][\w$]*")
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)


def read_json(data: bytes) -> Any:
    """Return the document, strictly read if possible, else leniently; nothing at all is an empty object.

    Raises:
        ValueError: it is not JSON even so; the message says where.
    """
    text = data.decode("utf-8")
    try:
        return json.loads(text) if text.strip() else {}
    except RecursionError as error:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep") from error
    except json.JSONDecodeError:
        return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Any:
        value = self._value(0)
        if self._peek():
            raise self._unexpected("the end")
        return value

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        first = self._peek()
        if first == "{":
            return dict(self._members(depth))
        if first == "[":
            return self._elements(depth)
        if first in {'"', "'"}:
            return _unquote(self._take(_STRING, "a closed string"))
        return json.loads(self._take(_SCALAR, "a value"))

    def _members(self, depth: int) -> list[tuple[str, Any]]:
        members = []
        self._at += 1
        while self._peek() != "}":
            key = self._key()
            self._expect(":")
            members.append((key, self._value(depth + 1)))
            self._separator("}")
        self._at += 1
        return members

    def _elements(self, depth: int) -> list[Any]:
        elements = []
        self._at += 1
        while self._peek() != "]":
            elements.append(self._value(depth + 1))
            self._separator("]")
        self._at += 1
        return elements

    def _key(self) -> str:
        if self._peek() in {'"', "'"}:
            return _unquote(self._take(_STRING, "a closed string"))
        return self._take(_BARE_KEY, "a key")

    def _separator(self, closing: str) -> None:
        if self._peek() != closing:
            self._expect(",")

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._unexpected(character)
        self._at += 1

    def _take(self, pattern: re.Pattern[str], expected: str) -> str:
        found = pattern.match(self._text, self._at)
        if not found:
            raise self._unexpected(expected)
        self._at = found.end()
        return found.group()

    def _peek(self) -> str:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _unexpected(self, expected: str) -> ValueError:
        found = self._text[self._at : self._at + 20] or "the end"
        return ValueError(f"expected {expected} at character {self._at}, found {found!r}")


def _unquote(quoted: str) -> str:
    inner = quoted[1:-1]
    return _ESCAPE.sub(_unescape, inner) if "\\" in inner else inner


def _unescape(escape: re.Match[str]) -> str:
    written = escape.group()
    return "'" if written == "\\'" else str(json.loads(f'"{written}"', strict=False))
