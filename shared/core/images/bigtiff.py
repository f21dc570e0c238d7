"""A page of a BigTIFF as a TIFF with 32-bit offsets: Pillow reads no BigTIFF whose bytes are in big-endian order."""

from __future__ import annotations

import struct

from shared.core.images import ifd

_LONG, _LONG8, _IFD8 = 4, 16, 18
_MAX_OFFSET = 2**32 - 1
_INLINE_BYTES = 4


def as_classic(data: bytes, header: ifd.Header, offset: int) -> bytes:
    """Return the file with a classic directory of the page at `offset` at its end; the pixels stay where they are.

    Raises:
        struct.error: the file ends before the directory or its values do.
        ValueError: an offset or a number does not fit into 32 bits.
    """
    records: list[bytes] = []
    tail = bytearray()
    count = ifd.directory_at(data, header, offset)[1]
    start = len(data) + len(data) % 2
    values_at = start + 2 + 12 * count + 4
    for entry in ifd.tag_entries(data, header, offset):
        kind, value = _value(data, header, entry)
        if len(value) > _INLINE_BYTES:
            place = struct.pack(header.order + "I", values_at + len(tail))
            tail += value + b"\0" * (len(value) % 2)
        else:
            place = value.ljust(_INLINE_BYTES, b"\0")
        records.append(struct.pack(header.order + "HHI", entry.tag, kind, entry.count) + place)
    mark = b"II" if header.order == "<" else b"MM"
    first = mark + struct.pack(header.order + "HI", 42, start)
    directory = struct.pack(header.order + "H", len(records)) + b"".join(records) + bytes(4)
    return first + data[8:] + b"\0" * (len(data) % 2) + directory + tail


def _value(data: bytes, header: ifd.Header, entry: ifd.TagEntry) -> tuple[int, bytes]:
    """Return type and value of an entry, 64-bit numbers as 32-bit ones."""
    size = entry.count * ifd.TYPE_BYTES.get(entry.kind, 1)
    value = data[entry.at : entry.at + size]
    if len(value) < size:
        raise struct.error
    if entry.kind not in {_LONG8, _IFD8}:
        return entry.kind, value
    wide = struct.unpack(f"{header.order}{entry.count}Q", value)
    if max(wide, default=0) > _MAX_OFFSET:
        raise ValueError("an offset points outside the file")
    return _LONG, struct.pack(f"{header.order}{entry.count}I", *wide)
