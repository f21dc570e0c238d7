"""What is decoded for the primary image of a HEIC file (ISO/IEC 23008-12, 6.6 and 9.3).

A picture may be derived from others, each used any number of times: 2 kB of overlays of overlays are billions of uses.
Its alpha channel is a picture of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.core.images import hevc
from shared.core.images.bmff import Box, between, in_meta, spans_of_items
from shared.core.images.limits import corrupt

_KIND = "HEIC"
_FULL_BOX_BYTES = 4
_MAX_DEPTH = 8
_ENDLESS = 1 << 40
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
_MAX_UNITS = 100_000


@dataclass(frozen=True, slots=True)
class Decoding:
    """`pixels` and `payload_bytes` of all coded pictures, each as often as it is used; `at_once_pixels` of one item."""

    pixels: int = 0
    payload_bytes: int = 0
    at_once_pixels: int = 0

    def __add__(self, other: Decoding) -> Decoding:
        return Decoding(
            min(_ENDLESS, self.pixels + other.pixels),
            min(_ENDLESS, self.payload_bytes + other.payload_bytes),
            max(self.at_once_pixels, other.at_once_pixels),
        )


@dataclass(slots=True)
class _Items:
    """Properties, sources and alpha channels of each item; a source that is used twice is listed twice."""

    data: bytes
    properties: dict[int, list[Box]]
    sources: dict[int, list[int]]
    alphas: dict[int, list[int]]
    spans: dict[int, list[tuple[int, int]]]
    known: dict[int, Decoding] = field(default_factory=dict)
    units_left: int = _MAX_UNITS


def decoding_of(data: bytes, boxes: tuple[Box, ...]) -> Decoding:
    """Return what the decoder has to do for the primary image, by its items and by what they code.

    Raises:
        ImageRejectedError: its pictures are derived from each other too often, or consist of too many units.
    """
    properties, links = _properties(data, boxes), _links(data, boxes)
    alphas: dict[int, list[int]] = {}
    for item, shown in links[b"auxl"].items():
        if any(_is_alpha(data, box) for box in properties.get(item, [])):
            for picture in shown:
                alphas.setdefault(picture, []).append(item)
    items = _Items(data, properties, links[b"dimg"], alphas, spans_of_items(data, boxes, _KIND))
    return _decoding(_primary(data, boxes), items, _MAX_DEPTH)


def _decoding(item: int, items: _Items, depth: int) -> Decoding:
    if item in items.known:
        return items.known[item]
    if depth == 0:
        raise corrupt(_KIND, f"its pictures are derived from each other more than {_MAX_DEPTH} times over")
    needed = items.sources.get(item, [])
    total = Decoding() if needed else _coded(item, items)
    for source in (*needed, *items.alphas.get(item, [])):
        total += _decoding(source, items, depth - 1)
    items.known[item] = total
    return total


def _coded(item: int, items: _Items) -> Decoding:
    """Return what one coded item takes: the larger of what its properties say and what its stream says."""
    boxes = items.properties.get(item, [])
    extents = [_extent(items.data, box) for box in boxes if box.kind == b"ispe"]
    record = next((items.data[box.body : box.end] for box in boxes if box.kind == b"hvcC"), b"")
    spans = items.spans.get(item, [])
    view = memoryview(items.data)
    coded = hevc.survey(record, [view[at : at + length] for at, length in spans], items.units_left)
    items.units_left -= coded.units
    pixels = max(1, coded.pictures) * max(coded.picture_pixels, *extents, 0)
    return Decoding(pixels, sum(length for _, length in spans), pixels)


def _primary(data: bytes, boxes: tuple[Box, ...]) -> int:
    for box in in_meta(data, boxes, b"pitm", _KIND):
        number_bytes = 4 if data[box.body] else 2
        return int.from_bytes(data[box.body + _FULL_BOX_BYTES :][:number_bytes], "big")
    return 0


def _properties(data: bytes, boxes: tuple[Box, ...]) -> dict[int, list[Box]]:
    found: dict[int, list[Box]] = {}
    for iprp in in_meta(data, boxes, b"iprp", _KIND):
        inner = list(between(data, iprp.body, iprp.end, _KIND))
        properties = [one for box in inner if box.kind == b"ipco" for one in between(data, box.body, box.end, _KIND)]
        for box in inner:
            for item, index in _associations(data, box) if box.kind == b"ipma" else ():
                if 0 < index <= len(properties):
                    found.setdefault(item, []).append(properties[index - 1])
    return found


def _extent(data: bytes, ispe: Box) -> int:
    """Return the pixels that an item announces."""
    at = ispe.body + _FULL_BOX_BYTES
    width, height = (int.from_bytes(data[place : place + 4], "big") for place in (at, at + 4))
    return width * height


def _is_alpha(data: bytes, box: Box) -> bool:
    return box.kind == b"auxC" and data.startswith(_ALPHA, box.body + _FULL_BOX_BYTES)


def _associations(data: bytes, ipma: Box) -> Iterator[tuple[int, int]]:
    """Yield (item, number of a property); the numbers count from 1."""
    number_bytes = 4 if data[ipma.body] else 2
    index_bytes = 2 if data[ipma.body + 3] & 1 else 1
    at = ipma.body + _FULL_BOX_BYTES + 4
    while at + number_bytes < ipma.end:
        item, count = int.from_bytes(data[at : at + number_bytes], "big"), data[at + number_bytes]
        at += number_bytes + 1
        for _ in range(count):
            essential = 1 << 8 * index_bytes - 1
            yield item, int.from_bytes(data[at : at + index_bytes], "big") & (essential - 1)
            at += index_bytes


def _links(data: bytes, boxes: tuple[Box, ...]) -> dict[bytes, dict[int, list[int]]]:
    """Return the items that each is derived from (`dimg`) or belongs to (`auxl`)."""
    found: dict[bytes, dict[int, list[int]]] = {b"dimg": {}, b"auxl": {}}
    for iref in in_meta(data, boxes, b"iref", _KIND):
        size = 4 if data[iref.body] else 2
        for link in between(data, iref.body + _FULL_BOX_BYTES, iref.end, _KIND):
            if link.kind in found:
                numbers = data[link.body : link.end]
                ends = range(size + 2, len(numbers) - size + 1, size)
                listed = [int.from_bytes(numbers[at : at + size], "big") for at in ends]
                found[link.kind].setdefault(int.from_bytes(numbers[:size], "big"), []).extend(listed)
    return found
