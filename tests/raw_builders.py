"""TIFF files of several directories, in either byte order and width: raws of cameras, pages, reduced copies."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_LETTERS = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q"}
Tags = dict[int, tuple[int, list[int]]]


@dataclass(frozen=True, slots=True)
class Directory:
    """Pixels of one directory, its tags (number, then type and values) and the directories below it."""

    tags: Tags
    pixels: bytes
    below: list[Directory] = field(default_factory=list)


def grid(width: int, height: int, *, tags: Tags | None = None, samples: int = 3, photometric: int = 2) -> Directory:
    """Return a directory of grey or coloured pixels; `tags` are added, or replace those of the pixels."""
    all_tags: Tags = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8] * samples),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [samples]),
        278: (4, [height]),
    }
    return Directory(all_tags | (tags or {}), bytes(index % 251 for index in range(width * height * samples)))


def text(words: str) -> tuple[int, list[int]]:
    return 2, [*words.encode(), 0]


def tiff_of(directories: list[Directory], *, order: str = "<", big: bool = False) -> bytes:
    """Return a TIFF, or a BigTIFF, of a chain of directories."""
    offset, count = ("Q", "Q") if big else ("I", "H")
    mark = b"II" if order == "<" else b"MM"
    out = bytearray(mark + (struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0)))
    link = 8 if big else 4
    for directory in directories:
        at = _append(out, directory, (order, offset, count))
        struct.pack_into(order + offset, out, link, at)
        link = len(out) - struct.calcsize(offset)
    return bytes(out)


def _append(out: bytearray, directory: Directory, form: tuple[str, str, str]) -> int:
    order, offset, count = form
    below = [_append(out, each, form) for each in directory.below]
    place = len(out)
    out += directory.pixels + bytes(len(directory.pixels) % 2)
    tags = {273: (4, [place]), 279: (4, [len(directory.pixels)]), **directory.tags}
    if below:
        tags[330] = (4, below)
    width = struct.calcsize(offset)
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        value = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
        if len(value) > width:
            where = len(out)
            out += value + bytes(len(value) % 2)
            value = struct.pack(order + offset, where)
        entries += struct.pack(order + "HH" + offset, tag, kind, len(values)) + value.ljust(width, b"\0")
    at = len(out)
    out += struct.pack(order + count, len(tags)) + entries + bytes(width)
    return at
