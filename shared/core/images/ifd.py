"""Directories of tags ("IFD") as TIFF, BigTIFF and EXIF have them, read entry by entry under caps.

Source: TIFF 6.0 section 2; BigTIFF (libtiff) for 64-bit offsets.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_CLASSIC, _BIG = 42, 43
MAX_ENTRIES = 4_096
TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""The size of one value by its type."""

_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class Header:
    """How the numbers of a file are written, and where its first directory is."""

    order: str
    big: bool
    first: int

    @property
    def count_format(self) -> str:
        """How `struct` reads the number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def offset_format(self) -> str:
        """How `struct` reads an offset, and the number of values of an entry."""
        return self.order + ("Q" if self.big else "I")

    @property
    def offset_bytes(self) -> int:
        """The size of an offset, and of values that stand in the entry itself."""
        return 8 if self.big else 4

    @property
    def entry_bytes(self) -> int:
        """The size of an entry."""
        return 20 if self.big else 12


@dataclass(frozen=True, slots=True)
class TagEntry:
    """One tag: `at` is where its values begin, in the entry itself or wherever that points."""

    tag: int
    kind: int
    count: int
    at: int


def header_of(data: bytes) -> Header:
    """Read the header.

    Raises:
        struct.error: it is cut off.
        ValueError: it is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("it names no byte order")
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == _CLASSIC:
        return Header(order, big=False, first=struct.unpack_from(order + "I", data, 4)[0])
    if version == _BIG:
        return Header(order, big=True, first=struct.unpack_from(order + "Q", data, 8)[0])
    raise ValueError(f"it is of version {version}, not 42 or 43")


def directory_at(data: bytes, header: Header, offset: int) -> tuple[int, int]:
    """Return where the entries of the directory at `offset` begin, and how many it claims.

    Raises:
        struct.error: it lies outside the file.
    """
    if offset >= len(data):
        raise struct.error
    (count,) = struct.unpack_from(header.count_format, data, offset)
    return offset + struct.calcsize(header.count_format), count


def tag_entries(data: bytes, header: Header, offset: int) -> Iterator[TagEntry]:
    """Yield the entries of a directory, at most `MAX_ENTRIES`.

    Raises:
        struct.error: the file ends before the directory does; the entries before that have been yielded.
    """
    at, count = directory_at(data, header, offset)
    for index in range(min(count, MAX_ENTRIES)):
        yield _entry(data, header, at + index * header.entry_bytes)


def following(data: bytes, header: Header, offset: int) -> int:
    """Return the offset of the directory behind this one, 0 behind the last.

    Raises:
        struct.error: the file ends before that.
    """
    at, count = directory_at(data, header, offset)
    return int(struct.unpack_from(header.offset_format, data, at + count * header.entry_bytes)[0])


def numbers(data: bytes, header: Header, entry: TagEntry, at_most: int) -> tuple[int, ...]:
    """Return the first whole numbers of an entry; nothing where it holds none, or they lie outside the file."""
    if entry.kind not in _WHOLE_NUMBERS:
        return ()
    count = min(entry.count, at_most)
    if entry.at + count * TYPE_BYTES[entry.kind] > len(data):
        return ()
    return struct.unpack_from(f"{header.order}{count}{_WHOLE_NUMBERS[entry.kind]}", data, entry.at)


def _entry(data: bytes, header: Header, at: int) -> TagEntry:
    tag, kind = struct.unpack_from(header.order + "HH", data, at)
    (count,) = struct.unpack_from(header.offset_format, data, at + 4)
    value_at = at + (12 if header.big else 8)
    if count * TYPE_BYTES.get(kind, 1) > header.offset_bytes:
        (value_at,) = struct.unpack_from(header.offset_format, data, value_at)
    return TagEntry(tag, kind, count, value_at)
