"""Texts made to fit a terminal: harmless whatever they hold, and measured by the cells that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size

from shared.operate.tables import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_CUT = "…"


def plain(text: str) -> str:
    r"""Return a text as one line without control characters, which a terminal would obey.

    >>> plain("two\nlines, \x1b[31mred")
    'two lines, \\x1b[31mred'
    """
    return printable(" ".join(text.split()))


def cut(text: str, cells: int) -> str:
    """Return the beginning of a text, in at most so many cells.

    >>> cut("a photo of a cat", 10), cut("写真写真写真", 8)
    ('a photo o…', '写真写…')
    """
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + _CUT if cells > 0 else ""


def shorten(name: str, cells: int) -> str:
    """Return a name cut in its middle, so that its beginning and its ending stay.

    >>> shorten("holiday in the mountains.jpg", 16)
    'holiday…ins.jpg'
    """
    if cell_len(name) <= cells:
        return name
    tail = _last(name, (cells - 1) // 2)
    return cut(name, cells - cell_len(tail)) + tail


def _last(text: str, cells: int) -> str:
    """Return the end of a text, in at most so many cells."""
    left = len(text)
    while left > 0 and cell_len(text[left - 1 :]) <= cells:
        left -= 1
    return text[left:]


def listed(names: Sequence[str], cells: int) -> str:
    """Return as many names as fit one line of so many cells, and how many more there are.

    >>> listed(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], 24)
    'a.jpg, b.jpg and 2 more'
    """
    shown = [plain(name) for name in names]
    for count in range(len(shown), 0, -1):
        rest = len(shown) - count
        line = ", ".join(shown[:count]) + (f" and {rest} more" if rest else "")
        if cell_len(line) <= cells:
            return line
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    return shorten(shown[0], max(1, cells - len(more))) + more if shown else ""


def wrapped(text: str, cells: int, *, indent: str = "  ") -> list[str]:
    """Return a line in pieces of at most so many cells, all but the first indented; words stay whole if they fit.

    >>> wrapped("storage    http://127.0.0.1:9023", 20)
    ['storage', '  http://127.0.0.1:9', '  023']
    """
    shown = printable(text)
    bare = shown.lstrip(" ")
    lines: list[str] = []
    line = shown[: len(shown) - len(bare)]
    for word in bare.split(" "):
        joined = f"{line} {word}" if line.strip() else line + word
        if cell_len(joined.rstrip()) <= cells:
            line = joined
            continue
        if line.strip():
            lines.append(line.rstrip())
        *full, rest = chop_cells(word, cells - len(indent)) or [""]
        lines += [f"{indent}{part}" for part in full]
        line = indent + rest
    return [*lines, line.rstrip()]
