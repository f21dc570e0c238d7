"""What a label says, ready to be set: cleaned, cut into clusters, and put into visual order.

Pure Unicode, no fonts. Directions follow the Unicode Bidirectional Algorithm (UAX #9) without explicit
embeddings and brackets, which `drawable_label` takes out or a label of a few words can do without.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHARS: Final = 200
ELLIPSIS: Final = "…"
ZWNJ: Final = "\u200c"
ZWJ: Final = "\u200d"
EMOJI_STYLE: Final = "\ufe0f"

_REGIONAL: Final = range(0x1F1E6, 0x1F200)
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_VARIATIONS: Final = range(0xFE00, 0xFE10)
_REPLACEMENT: Final = "\ufffd"
_MARKS: Final = frozenset({"Mn", "Mc", "Me"})
_RIGHT: Final = frozenset({"R", "AL"})
_STRONG: Final = _RIGHT | {"L"}
_NUMBER: Final = frozenset({"EN", "AN"})
_JOINTS: Final = frozenset({("EN", "ES", "EN"), ("EN", "CS", "EN"), ("AN", "CS", "AN")})


def drawable_label(label: str) -> str:
    """Return `label` on one line, free of control and direction characters, at most `MAX_CHARS` long."""
    line = " ".join("".join(_clean_char(char) for char in label[: 2 * MAX_CHARS]).split())
    return line[:MAX_CHARS].strip(f" {ZWNJ}{ZWJ}")


def clusters(text: str) -> list[str]:
    """Cut `text` where a person may cut it: marks, joiners, skin tones and flag halves stay with their base."""
    pieces: list[str] = []
    for char in text:
        if pieces and _continues(pieces[-1], char):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def visible(cluster: str) -> str:
    """Return the characters of `cluster` that need a glyph: joiners and variation selectors do not."""
    return "".join(char for char in cluster if char not in (ZWNJ, ZWJ) and ord(char) not in _VARIATIONS)


def is_letter(cluster: str) -> bool:
    """Tell whether `cluster` belongs to one script, unlike digits, spaces and punctuation."""
    return unicodedata.category(cluster[0]).startswith("L")


def levels(pieces: Sequence[str]) -> list[int]:
    """Give each cluster its embedding level: even reads left to right, odd right to left."""
    kinds = _joined_numbers(_european_as_arabic([unicodedata.bidirectional(piece[0]) for piece in pieces]))
    base = next((int(kind in _RIGHT) for kind in kinds if kind in _STRONG), 0)
    strong = _neutrals(_numbers(kinds, base), base)
    return [_level(kind, base) for kind in strong]


def visual_order(run_levels: Sequence[int]) -> list[int]:
    """Return the indices of runs from left to right (rule L2 of UAX #9)."""
    order = list(range(len(run_levels)))
    for level in range(max(run_levels, default=0), 0, -1):
        order = _with_reversed(order, run_levels, level)
    return order


def _with_reversed(order: Sequence[int], run_levels: Sequence[int], level: int) -> list[int]:
    reordered: list[int] = []
    for high, group in groupby(order, key=lambda index: run_levels[index] >= level):
        run = list(group)
        reordered += run[::-1] if high else run
    return reordered


def _clean_char(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return _REPLACEMENT
    if category == "Cf":
        return char if char in (ZWNJ, ZWJ) else ""
    return " " if category in ("Cc", "Zl", "Zp") else char


def _continues(before: str, char: str) -> bool:
    if before[-1] == ZWJ or char in (ZWJ, ZWNJ) or ord(char) in _SKIN_TONES:
        return True
    pair = len(before) == 1 and ord(before) in _REGIONAL and ord(char) in _REGIONAL
    return pair or unicodedata.category(char) in _MARKS


def _european_as_arabic(kinds: Sequence[str]) -> list[str]:
    """Make a European number among Arabic letters an Arabic one (rule W2)."""
    resolved, last = [], ""
    for kind in kinds:
        last = kind if kind in _STRONG else last
        resolved.append("AN" if kind == "EN" and last == "AL" else kind)
    return resolved


def _joined_numbers(kinds: Sequence[str]) -> list[str]:
    """Make `12.5`, `3:45` and `20%` one number each (rules W4 and W5)."""
    resolved = list(kinds)
    for i in range(1, len(resolved) - 1):
        if (resolved[i - 1], resolved[i], resolved[i + 1]) in _JOINTS:
            resolved[i] = resolved[i - 1]
    for order in (range(1, len(resolved)), range(len(resolved) - 2, -1, -1)):
        for i in order:
            if resolved[i] == "ET" and resolved[i - order.step] == "EN":
                resolved[i] = "EN"
    return resolved


def _numbers(kinds: Sequence[str], base: int) -> list[str]:
    """Resolve every cluster to L, R, N (a number among right-to-left text) or "" (neutral)."""
    resolved, last = [], "R" if base else "L"
    for kind in kinds:
        if kind in _STRONG:
            last = "R" if kind in _RIGHT else "L"
            resolved.append(last)
        elif kind in _NUMBER:
            resolved.append("L" if kind == "EN" and last == "L" else "N")
        else:
            resolved.append("")
    return resolved


def _neutrals(kinds: Sequence[str], base: int) -> list[str]:
    """Give neutrals the direction of both neighbours if these agree, else the line's (rules N1 and N2)."""
    edge = "R" if base else "L"
    resolved: list[str] = []
    for kind, group in groupby(enumerate(kinds), lambda pair: pair[1]):
        run = [index for index, _ in group]
        before = kinds[run[0] - 1] if run[0] else edge
        after = kinds[run[-1] + 1] if run[-1] + 1 < len(kinds) else edge
        agreed = edge if (before == "L") != (after == "L") else ("L" if before == "L" else "R")
        resolved += [kind or agreed] * len(run)
    return resolved


def _level(kind: str, base: int) -> int:
    return 1 if kind == "R" else 2 if kind == "N" else 2 * base
