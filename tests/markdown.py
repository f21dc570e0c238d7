"""Markdown, as the generated pages have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, one line for each row.

    >>> print(table(["a", ""], [["1", "2"]]), end="")
    | a | |
    |---|---|
    | 1 | 2 |
    """
    columns = list(head)
    return "".join([_line(columns), "|" + "---|" * len(columns) + "\n", *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"
