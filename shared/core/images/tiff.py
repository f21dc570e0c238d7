"""The tag directories of TIFF, which are also those of EXIF.

Source: TIFF 6.0 section 2; BigTIFF (libtiff) for 64-bit offsets; EXIF 2.32 section 4.6.4 for Orientation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from shared.core.images.limits import Limits, corrupt, truncated, unsupported
from shared.core.images.structure import Structure

_CLASSIC, _BIG = 42, 43
_MAX_ENTRIES = 4_096
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _TILE_WIDTH, _TILE_HEIGHT = 274, 322, 323
_MIN_IS_WHITE = 0
_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""None, CCITT, LZW, JPEG, Deflate and PackBits: what scanners and cameras write."""


@dataclass(frozen=True, slots=True)
class _Header:
    order: str
    big: bool
    first: int

    @property
    def count_format(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def offset_format(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def entry_bytes(self) -> int:
        return 20 if self.big else 12


def exif_orientation(exif: bytes) -> tuple[int, tuple[str, ...]]:
    """Return the orientation 1-8 that a block of EXIF names, and a warning where it names nonsense."""
    try:
        header = _header(exif.removeprefix(b"Exif\x00\x00"))
        value = _tags(exif.removeprefix(b"Exif\x00\x00"), header).get(_ORIENTATION, 1)
    except (struct.error, ValueError):
        return 1, ("EXIF unreadable, taken as upright",)
    return sane_orientation(value)


def sane_orientation(value: int) -> tuple[int, tuple[str, ...]]:
    """Take a value outside 1-8 as upright, with a warning."""
    if 1 <= value <= 8:  # noqa: PLR2004 - the eight values of EXIF
        return value, ()
    return 1, (f"EXIF orientation {value} has no meaning, taken as upright",)


def scan(data: bytes, limits: Limits) -> Structure:
    """Read the first directory and count the others."""
    try:
        header = _header(data)
        tags = _tags(data, header)
        frames = _count_directories(data, header, limits.max_frames)
    except struct.error as error:
        raise truncated("TIFF", "ends before its directory of tags") from error
    except ValueError as error:
        raise corrupt("TIFF", str(error)) from error
    return _structure(tags, frames)


def _structure(tags: dict[int, int], frames: int) -> Structure:
    compression = tags.get(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise unsupported(f"a TIFF of compression {compression}")
    orientation, warnings = sane_orientation(tags.get(_ORIENTATION, 1))
    return Structure(
        width=tags.get(_WIDTH, 0),
        height=tags.get(_HEIGHT, 0),
        orientation=orientation,
        frames=frames,
        bits=tags.get(_BITS, 1),
        inverted=tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE,
        # A tile is decoded whole, however small the picture that uses a corner of it; 4 bytes a pixel.
        whole_image_bytes=4 * tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0),
        warnings=warnings,
    )


def _header(data: bytes) -> _Header:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("it names no byte order")
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == _CLASSIC:
        return _Header(order, big=False, first=struct.unpack_from(order + "I", data, 4)[0])
    if version == _BIG:
        return _Header(order, big=True, first=struct.unpack_from(order + "Q", data, 8)[0])
    raise ValueError(f"it is of version {version}, not 42 or 43")


def _tags(data: bytes, header: _Header) -> dict[int, int]:
    """Return the first number of every whole-number tag in the first directory; a repeated tag counts once."""
    at, count = _directory(data, header, header.first)
    tags: dict[int, int] = {}
    for index in range(count):
        tag, value = _entry(data, header, at + index * header.entry_bytes)
        if value is not None:
            tags.setdefault(tag, value)
    return tags


def _directory(data: bytes, header: _Header, offset: int) -> tuple[int, int]:
    """Return where the entries of the directory at `offset` begin, and how many there are."""
    if offset >= len(data):
        raise struct.error
    (count,) = struct.unpack_from(header.count_format, data, offset)
    if count > _MAX_ENTRIES:
        raise ValueError(f"a directory claims {count} tags")
    return offset + struct.calcsize(header.count_format), count


def _entry(data: bytes, header: _Header, at: int) -> tuple[int, int | None]:
    tag, kind = struct.unpack_from(header.order + "HH", data, at)
    (count,) = struct.unpack_from(header.offset_format, data, at + 4)
    if kind not in _TYPES or count == 0:
        return tag, None
    letter, size = _TYPES[kind]
    value_at = at + (12 if header.big else 8)
    if count * size > struct.calcsize(header.offset_format):
        (value_at,) = struct.unpack_from(header.offset_format, data, value_at)
    if value_at + size > len(data):
        return tag, None
    return tag, struct.unpack_from(header.order + letter, data, value_at)[0]


def _count_directories(data: bytes, header: _Header, at_most: int) -> int:
    """Follow the chain of directories, which may be cut off or bite its own tail."""
    seen: set[int] = set()
    offset = header.first
    while offset and offset not in seen and len(seen) < at_most:
        try:
            at, count = _directory(data, header, offset)
            (following,) = struct.unpack_from(header.offset_format, data, at + count * header.entry_bytes)
        except (struct.error, ValueError):
            return max(len(seen), 1)
        seen.add(offset)
        offset = following
    return max(len(seen), 1)
