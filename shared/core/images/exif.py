"""Which way up a picture is, from blocks of EXIF that may be empty or damaged.

Source: EXIF 2.32 section 4.6.4 for Orientation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from shared.core.images import ifd

_ORIENTATION = 274
_PREFIX = b"Exif\x00\x00"
_UNREADABLE = "EXIF unreadable, taken as upright"
_DAMAGED = "EXIF damaged: what was read before the damage counts"


def exif_orientation(exif: bytes) -> tuple[int, tuple[str, ...]]:
    """Return the orientation 1-8 that a block of EXIF names, and a warning where it names nonsense."""
    return orientation_of((exif,))


def orientation_of(blocks: Iterable[bytes]) -> tuple[int, tuple[str, ...]]:
    """Return the orientation 1-8 that the first of several blocks names in which a tag can be read.

    Entries before a damage count. A block without any, or damaged before its first, counts only where no
    other does.
    """
    found: tuple[int, tuple[str, ...]] = (1, ())
    for block in blocks:
        tags, whole = _readable_tags(block.removeprefix(_PREFIX))
        if _ORIENTATION in tags:
            value, warnings = sane_orientation(tags[_ORIENTATION])
            return value, warnings if whole else (*warnings, _DAMAGED)
        if tags:
            return 1, () if whole else (_UNREADABLE,)
        if not whole:
            found = (1, (_UNREADABLE,))
    return found


def sane_orientation(value: int) -> tuple[int, tuple[str, ...]]:
    """Take a value outside 1-8 as upright, with a warning."""
    if 1 <= value <= 8:  # noqa: PLR2004 - the eight values of EXIF
        return value, ()
    return 1, (f"EXIF orientation {value} has no meaning, taken as upright",)


def _readable_tags(exif: bytes) -> tuple[dict[int, int], bool]:
    """Return the first number of each tag up to the first damage, and whether there was none."""
    tags: dict[int, int] = {}
    try:
        header = ifd.header_of(exif)
        for entry in ifd.tag_entries(exif, header, header.first):
            if found := ifd.numbers(exif, header, entry, 1):
                tags.setdefault(entry.tag, found[0])
        _, count = ifd.directory_at(exif, header, header.first)
    except (struct.error, ValueError):
        return tags, False
    return tags, count <= ifd.MAX_ENTRIES
