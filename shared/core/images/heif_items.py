"""How many pixels are decoded for the primary image of a HEIC file (ISO/IEC 23008-12, 6.6 and 9.3).

A picture may be derived from others, each used any number of times: 2 kB of overlays of overlays are billions of uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.core.images.bmff import Box, between, in_meta
from shared.core.images.limits import corrupt

_KIND = "HEIC"
_FULL_BOX_BYTES = 4
_MAX_DEPTH = 8
_ENDLESS = 1 << 40


@dataclass(frozen=True, slots=True)
class _Items:
    """`extents` are in pixels, `sources` the items that one is derived from, a repeated one repeated."""

    primary: int
    extents: dict[int, int]
    sources: dict[int, list[int]]


def decoded_pixels(data: bytes, boxes: tuple[Box, ...]) -> int:
    """Return the pixels of all coded pictures that the primary image takes, each as often as it is used."""
    items = _Items(_primary(data, boxes), _pixels(data, boxes), _sources(data, boxes))
    return _pixels_of(items.primary, items, {}, _MAX_DEPTH)


def _pixels_of(item: int, items: _Items, known: dict[int, int], depth: int) -> int:
    if item in known:
        return known[item]
    sources = items.sources.get(item)
    if not sources:
        return items.extents.get(item, 0)
    if depth == 0:
        raise corrupt(_KIND, f"its pictures are derived from each other more than {_MAX_DEPTH} times over")
    total = sum(_pixels_of(source, items, known, depth - 1) for source in sources)
    known[item] = min(total, _ENDLESS)
    return known[item]


def _primary(data: bytes, boxes: tuple[Box, ...]) -> int:
    for box in in_meta(data, boxes, b"pitm", _KIND):
        number_bytes = 4 if data[box.body] else 2
        return int.from_bytes(data[box.body + _FULL_BOX_BYTES :][:number_bytes], "big")
    return 0


def _pixels(data: bytes, boxes: tuple[Box, ...]) -> dict[int, int]:
    """Return the pixels that each item announces, by its associated `ispe`."""
    found: dict[int, int] = {}
    for iprp in in_meta(data, boxes, b"iprp", _KIND):
        inner = list(between(data, iprp.body, iprp.end, _KIND))
        properties = [one for box in inner if box.kind == b"ipco" for one in between(data, box.body, box.end, _KIND)]
        for box in inner:
            for item, index in _associations(data, box) if box.kind == b"ipma" else ():
                if 0 < index <= len(properties) and properties[index - 1].kind == b"ispe":
                    at = properties[index - 1].body + _FULL_BOX_BYTES
                    width, height = (int.from_bytes(data[place : place + 4], "big") for place in (at, at + 4))
                    found[item] = width * height
    return found


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


def _sources(data: bytes, boxes: tuple[Box, ...]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for iref in in_meta(data, boxes, b"iref", _KIND):
        size = 4 if data[iref.body] else 2
        for link in between(data, iref.body + _FULL_BOX_BYTES, iref.end, _KIND):
            if link.kind == b"dimg":
                numbers = data[link.body : link.end]
                ends = range(size + 2, len(numbers) - size + 1, size)
                listed = [int.from_bytes(numbers[at : at + size], "big") for at in ends]
                found.setdefault(int.from_bytes(numbers[:size], "big"), []).extend(listed)
    return found
