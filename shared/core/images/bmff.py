"""The boxes of HEIC, HEIF and AVIF files (ISO/IEC 14496-12 and 23008-12), walked without decoding a pixel.

Size, frames and rotation are read by the decoders themselves, which parse these files without decoding. What
they do not tell is how large the coded pictures are of which a small crop or a scaled copy is announced.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.errors import ImageRejectedError
from shared.core.images.limits import corrupt, truncated

_MAX_BOXES = 20_000
_MAX_ITEMS = 2_000
_MAX_PARTS = 100
_TO_THE_END, _LARGE = 0, 1
_FULL_BOX_BYTES = 4
_IN_FILE, _IN_IDAT = 0, 1
_TRACKS = frozenset({b"moov", b"moof"})
_ONCE = frozenset({b"ftyp", b"meta", b"moov"})
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E


@dataclass(frozen=True, slots=True)
class Box:
    """One box, as offsets into the file: `start` of its header, `body` of what it holds, `end`."""

    kind: bytes
    start: int
    body: int
    end: int


def top_boxes(data: bytes, kind: str) -> tuple[Box, ...]:
    """Return the outermost boxes up to the last one that the images need: phones and editors append what they like.

    Raises:
        ImageRejectedError: the file stops inside such a box, or describes no image.
    """
    boxes, problem = _sound_boxes(data, kind)
    described = next((box for box in boxes if box.kind == b"meta"), None)
    if described is None:
        raise problem or corrupt(kind, "it holds no description of its images")
    needed = max(described.end, _end_of_items(data, (described,), kind, at_least=problem is not None))
    tracks = (box.end for box in boxes if box.kind in _TRACKS)
    needed = max(needed, *tracks, 0)
    if needed > max(box.end for box in boxes):
        raise problem or truncated(kind, f"has {len(data):,} of at least {needed:,} bytes")
    first = {box.kind: box for box in reversed(boxes)}
    return tuple(box for box in boxes if box.start < needed and (box.kind not in _ONCE or first[box.kind] is box))


def images_only(data: bytes, boxes: tuple[Box, ...]) -> bytes:
    """Return the file without what follows its last needed box."""
    return data[: max(box.end for box in boxes)]


def _sound_boxes(data: bytes, kind: str) -> tuple[list[Box], ImageRejectedError | None]:
    """Return the outermost boxes up to the first that is none, and how a file is refused that needs more."""
    boxes: list[Box] = []
    try:
        for box in _boxes(data, 0, len(data), kind):
            if box.end > len(data):
                return boxes, truncated(kind, f"has {len(data):,} of at least {box.end:,} bytes")
            if not all(_FIRST_PRINTABLE <= byte <= _LAST_PRINTABLE for byte in box.kind):
                return boxes, corrupt(kind, "what follows is no box")
            if box.kind == b"ftyp" and boxes:
                return boxes, corrupt(kind, "another file follows")  # the film of a motion photo
            boxes.append(box)
    except ImageRejectedError as error:
        return boxes, error
    return boxes, None


def _end_of_items(data: bytes, boxes: tuple[Box, ...], kind: str, *, at_least: bool) -> int:
    """Return where the last byte of any image lies; where this cannot be told, the end of a sound file."""
    end = 0
    try:
        for iloc in _children(data, boxes, b"iloc", kind):
            idat = next(iter(_children(data, boxes, b"idat", kind)), None)
            spans = (span for _, item in _locations(data, iloc, idat, kind) for span in item)
            end = max(end, *(at + length for at, length in spans), 0)
    except ImageRejectedError:
        return len(data) + at_least
    return end


def largest_extent(data: bytes, boxes: tuple[Box, ...], kind: str) -> tuple[int, int]:
    """Return the largest `ispe` (image spatial extent) of the file: crops announce less than is decoded."""
    extents = (
        struct.unpack_from(">II", data, ispe.body + _FULL_BOX_BYTES)
        for iprp in _children(data, boxes, b"iprp", kind)
        for ipco in _of_kind(data, iprp, b"ipco", kind)
        for ispe in _of_kind(data, ipco, b"ispe", kind)
    )
    return max(extents, key=lambda extent: extent[0] * extent[1], default=(0, 0))


def still_only(data: bytes) -> bytes | None:
    """Return an animated AVIF as a still one, so that its first picture is decoded and no track; else None."""
    return data[:8] + b"avif" + data[12:] if data[8:12] == b"avis" else None


def without_descriptions(data: bytes, kind: str) -> bytes:
    """Return the file with the links from metadata to its pictures renamed away.

    Decoding needs none, and so no metadata of strangers is parsed: pi-heif 1.4 crashed on some. EXIF turns no HEIC.
    """
    boxes = top_boxes(data, kind)
    data = images_only(data, boxes)
    links = [
        link
        for iref in _children(data, boxes, b"iref", kind)
        for link in _boxes(data, iref.body + _FULL_BOX_BYTES, iref.end, kind)
        if link.kind == b"cdsc"
    ]
    if not links:
        return data
    cleaned = bytearray(data)
    for link in links:
        cleaned[link.start + 4 : link.start + 8] = b"free"
    return bytes(cleaned)


def items(data: bytes, boxes: tuple[Box, ...], item_type: bytes, kind: str) -> Iterator[bytes]:
    """Yield the payload of every item of one type."""
    wanted = {
        number for iinf in _children(data, boxes, b"iinf", kind) for number in _typed(data, iinf, item_type, kind)
    }
    idat = next(iter(_children(data, boxes, b"idat", kind)), None)
    allowance = 2 * len(data)  # extents may overlap: a small file must not become gigabytes of payload
    for iloc in _children(data, boxes, b"iloc", kind):
        for number, uncut in _locations(data, iloc, idat, kind):
            spans = [(at, max(0, min(length, len(data) - at))) for at, length in uncut]
            allowance -= sum(length for _, length in spans)
            if allowance < 0:
                raise corrupt(kind, "its items overlap")
            if number in wanted:
                yield b"".join(data[at : at + length] for at, length in spans)


def item_types(data: bytes, boxes: tuple[Box, ...], kind: str) -> dict[int, bytes]:
    """Return the type of every item, such as b"hvc1" or b"Exif"."""
    return {
        number: item_type
        for iinf in _children(data, boxes, b"iinf", kind)
        for number, item_type in _numbered_types(data, iinf, kind)
    }


def spans_of_items(data: bytes, boxes: tuple[Box, ...], kind: str) -> dict[int, list[tuple[int, int]]]:
    """Return where the payload of each item lies: (offset in the file, length), cut to the file."""
    idat = next(iter(_children(data, boxes, b"idat", kind)), None)
    return {
        number: [(at, max(0, min(length, len(data) - at))) for at, length in spans]
        for iloc in _children(data, boxes, b"iloc", kind)
        for number, spans in _locations(data, iloc, idat, kind)
    }


def _children(data: bytes, boxes: tuple[Box, ...], wanted: bytes, kind: str) -> list[Box]:
    return [
        child
        for meta in boxes
        if meta.kind == b"meta"
        for child in _boxes(data, meta.body + _FULL_BOX_BYTES, meta.end, kind)
        if child.kind == wanted
    ]


def _of_kind(data: bytes, parent: Box, wanted: bytes, kind: str) -> list[Box]:
    return [box for box in _boxes(data, parent.body, parent.end, kind) if box.kind == wanted]


def _boxes(data: bytes, at: int, end: int, kind: str) -> Iterator[Box]:
    for _ in range(_MAX_BOXES):
        if at >= end:
            return
        box = _box(data, at, end, kind)
        yield box
        at = box.end
    raise corrupt(kind, f"it has more than {_MAX_BOXES:,} boxes")


def _box(data: bytes, at: int, end: int, kind: str) -> Box:
    size = int.from_bytes(data[at : at + 4], "big")
    header = 16 if size == _LARGE else 8
    if at + header > end:
        raise truncated(kind, "ends inside a box")
    if size == _LARGE:
        size = int.from_bytes(data[at + 8 : at + 16], "big")
    if size != _TO_THE_END and size < header:
        raise corrupt(kind, f"a box claims {size} bytes")
    return Box(data[at + 4 : at + 8], at, at + header, end if size == _TO_THE_END else at + size)


def _typed(data: bytes, iinf: Box, item_type: bytes, kind: str) -> Iterator[int]:
    """Yield the numbers of the items of one type."""
    return (number for number, found in _numbered_types(data, iinf, kind) if found == item_type)


def _numbered_types(data: bytes, iinf: Box, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield number and type of each item; `infe` has 32-bit numbers from version 3 on."""
    count_bytes = 2 if data[iinf.body] == 0 else 4
    for infe in _boxes(data, iinf.body + _FULL_BOX_BYTES + count_bytes, iinf.end, kind):
        number_bytes = 4 if data[infe.body] >= 3 else 2  # noqa: PLR2004 - version of the box
        at = infe.body + _FULL_BOX_BYTES
        item_type = data[at + number_bytes + 2 : at + number_bytes + 6]
        yield int.from_bytes(data[at : at + number_bytes], "big"), item_type


def _locations(data: bytes, iloc: Box, idat: Box | None, kind: str) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield (item number, [(offset in the file, length)])."""
    reader = _Reader(data, iloc.body)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    number_bytes = 4 if version >= 2 else 2  # noqa: PLR2004 - version of the box
    count = reader.number(number_bytes)
    if count > _MAX_ITEMS:
        raise corrupt(kind, f"it claims {count:,} items")
    for _ in range(count):
        number = reader.number(number_bytes)
        method = reader.number(2) & 15 if version else _IN_FILE
        if method not in {_IN_FILE, _IN_IDAT} or (method == _IN_IDAT and idat is None):
            raise corrupt(kind, "its items are stored in a way that still images do not use")
        reader.number(2)
        base = reader.number(base_bytes) + (idat.body if idat and method == _IN_IDAT else 0)
        yield number, list(_spans(reader, base, (index_bytes, offset_bytes, length_bytes), kind))


def _spans(reader: _Reader, base: int, sizes: tuple[int, int, int], kind: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of one item; a length of 0 means to the end."""
    index_bytes, offset_bytes, length_bytes = sizes
    count = reader.number(2)
    if count > _MAX_PARTS:
        raise corrupt(kind, f"an item claims {count:,} parts")
    for _ in range(count):
        reader.number(index_bytes)
        at = base + reader.number(offset_bytes)
        left = max(0, len(reader.data) - at)
        yield at, reader.number(length_bytes) or left


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int

    def number(self, size: int) -> int:
        """Read a big-endian number of so many bytes; past the end it is made of what is left."""
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


def in_meta(data: bytes, boxes: tuple[Box, ...], wanted: bytes, kind: str) -> list[Box]:
    """Return the boxes of one kind among those that describe the images."""
    return _children(data, boxes, wanted, kind)


def between(data: bytes, start: int, end: int, kind: str) -> Iterator[Box]:
    """Yield the boxes of a part of the file."""
    return _boxes(data, start, end, kind)
