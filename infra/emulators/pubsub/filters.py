"""The filter language of subscriptions: text to a predicate over a message's attributes.

Grammar (https://cloud.google.com/pubsub/docs/subscription-message-filter):

    expression = term { "AND" term } | term { "OR" term }
    term       = ( "NOT" | "-" ) term | "(" expression ")" | comparison
    comparison = "attributes" ":" key | "attributes" "." key ( "=" | "!=" ) string
               | "hasPrefix" "(" "attributes" "." key "," string ")"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Predicate = Callable[[Mapping[str, str]], bool]

MAX_BYTES = 256

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*") | (?P<word>[A-Za-z0-9_][\w-]*) | (?P<sign>!=|[=:.,()-]))""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-7]{3})|(?P<one>.))",
    re.DOTALL,
)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"} | {
    sign: sign for sign in "\\\"'?`"
}


class FilterError(ValueError):
    """A filter that the grammar does not allow; the message names the place."""


def compile_filter(text: str) -> Predicate:
    """Return the predicate that a filter means; the empty filter lets everything through.

    Raises:
        FilterError: the text is too long or does not follow the grammar.
    """
    if len(text.encode()) > MAX_BYTES:
        raise FilterError(f"the filter is {len(text.encode())} bytes long, at most {MAX_BYTES} are allowed")
    if not text:
        return lambda _: True
    parser = _Parser(_tokens(text))
    predicate = parser.expression()
    parser.expect("end")
    return predicate


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`string`, `word`, `end`, or the sign itself."""

    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterError(f"cannot read {text[position:end]!r} at character {position}")
        kind = match.lastgroup or ""
        found = match[kind]
        tokens.append(_Token(found if kind == "sign" else kind, found, match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "the end", end)]


class _Parser:
    """Recursive descent over the tokens, one method per rule."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def expression(self) -> Predicate:
        terms = [self._term()]
        joint = self._next.text
        while self._next.text in {"AND", "OR"}:
            if self._next.text != joint:
                raise FilterError("AND and OR can be combined only with parentheses")
            self.expect("word")
            terms.append(self._term())
        if joint == "OR":
            return lambda attributes: any(term(attributes) for term in terms)
        return lambda attributes: all(term(attributes) for term in terms)

    def expect(self, *kinds: str) -> _Token:
        if self._next.kind not in kinds:
            raise self._unexpected(kinds)
        self._at += 1
        return self._tokens[self._at - 1]

    def _term(self) -> Predicate:
        if self._next.text in {"NOT", "-"}:
            self._at += 1
            term = self._term()
            return lambda attributes: not term(attributes)
        if self._next.kind == "(":
            self.expect("(")
            inner = self.expression()
            self.expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        if self._keyword("attributes", "hasPrefix") == "hasPrefix":
            return self._has_prefix()
        if self.expect(":", ".").kind == ":":
            present = self._key()
            return lambda attributes: present in attributes
        key, equal = self._key(), self.expect("=", "!=").kind == "="
        value = self._string()
        return lambda attributes: (attributes.get(key) == value) is equal

    def _has_prefix(self) -> Predicate:
        self.expect("(")
        self._keyword("attributes")
        self.expect(".")
        key = self._key()
        self.expect(",")
        prefix = self._string()
        self.expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _key(self) -> str:
        return self._string() if self._next.kind == "string" else self.expect("word").text

    def _string(self) -> str:
        return _ESCAPE.sub(_unescaped, self.expect("string").text[1:-1])

    def _keyword(self, *words: str) -> str:
        if self._next.text not in words:
            raise self._unexpected(words)
        return self.expect("word").text

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _unexpected(self, wanted: tuple[str, ...]) -> FilterError:
        found = self._next
        return FilterError(f"expected {' or '.join(wanted)}, found {found.text} at character {found.at}")


def _unescaped(match: re.Match[str]) -> str:
    if match["one"]:
        if match["one"] not in _SIMPLE_ESCAPES:
            raise FilterError(f"unknown escape {match[0]} in a string")
        return _SIMPLE_ESCAPES[match["one"]]
    code = int(match["octal"], 8) if match["octal"] else int(match["x"] or match["u"] or match["U"], 16)
    if code > 0x10FFFF:  # noqa: PLR2004 - the last code point of Unicode
        raise FilterError(f"{match[0]} is not a Unicode character")
    return chr(code)
