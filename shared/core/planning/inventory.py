"""Lists of objects that somebody else has made: inventory reports of Storage Insights as CSV, or names by line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DELIMITERS = ",;|\t"
"""Those that a report can be configured to have, comma first: one that no header explains is a line of a name."""

_SCHEME = "gs://"


class InventoryError(SettingsError):
    """A list that cannot be used; the message says what was expected, and what was found."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One object of a list; `bucket` is None where the list does not say."""

    name: str
    bucket: str | None = None


def listed_in_text(lines: Iterator[str]) -> Iterator[ListEntry]:
    """Yield the objects of a CSV report with a header, or of a list that has a name or `gs://BUCKET/NAME` by line.

    Lines keep their ends: a name in quotes may hold one. Empty lines are left out.

    Raises:
        InventoryError: it has a header without a column `name`, or a line that is not as its header says.
    """
    first = next(lines, "").removeprefix("\ufeff")
    delimiter = _delimiter(first)
    if delimiter is None:
        yield from _by_line(first)
        for line in lines:
            yield from _by_line(line)
        return
    header = next(csv.reader([first], delimiter=delimiter))
    yield from _rows(csv.reader(lines, delimiter=delimiter), header)


def _rows(rows: Iterator[Sequence[str]], header: Sequence[str]) -> Iterator[ListEntry]:
    named, bucket = columns(header)
    number = 1
    try:
        for row in rows:
            number += 1
            if row and len(row) != len(header):
                raise InventoryError(
                    f"line {number}: expected {len(header)} columns as in the header, found {len(row)}"
                )
            if row and row[named]:
                yield ListEntry(row[named], row[bucket] or None if bucket is not None else None)
    except csv.Error as error:
        raise InventoryError(f"line {number + 1}: expected CSV: {error}") from error


def columns(header: Sequence[str]) -> tuple[int, int | None]:
    """Return which columns hold the names and, if there is one, the buckets.

    Raises:
        InventoryError: there is no column `name`.
    """
    words = [word.strip().lower() for word in header]
    if "name" not in words:
        raise InventoryError(
            f"expected a column `name`, as an inventory report has it, found {', '.join(header)[:200]}"
        )
    return words.index("name"), words.index("bucket") if "bucket" in words else None


def _delimiter(first: str) -> str | None:
    """Return what separates the columns if the first line is a header: one of its words is `name`."""
    for delimiter in DELIMITERS:
        words = [word.strip().strip('"').lower() for word in first.split(delimiter)]
        if "name" in words and (len(words) > 1 or delimiter == DELIMITERS[0]):
            return delimiter
    return None


def _by_line(line: str) -> Iterator[ListEntry]:
    text = line.rstrip("\r\n")
    if text.startswith(_SCHEME):
        bucket, _, name = text.removeprefix(_SCHEME).partition("/")
        yield ListEntry(name, bucket)
    elif text:
        yield ListEntry(text)
