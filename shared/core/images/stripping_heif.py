"""Metadata taken out of a HEIC file in place (ISO/IEC 14496-12 and 23008-12): its boxes and offsets stay as they are.

Cutting would move every offset. So what no picture needs becomes an empty EXIF, an empty XMP or zeros: items that are
metadata, boxes that describe, and all bytes of the media data to which no picture points.
"""

from __future__ import annotations

from shared.core.images import bmff
from shared.core.images.limits import corrupt

_KIND = "HEIC"
_METADATA = frozenset({b"Exif", b"mime", b"uri "})
_TRACKS = frozenset({b"moov", b"moof"})
_BUILT_OF = frozenset({b"ftyp", b"meta", b"mdat"})
_DESCRIBED_BY = frozenset({b"hdlr", b"pitm", b"iinf", b"iref", b"iprp", b"idat", b"iloc", b"dinf", b"grpl"})
_HANDLER_BYTES = 24
"""Of a handler's box before its name."""

_DESCRIPTIONS = frozenset({b"udes", b"altt", b"crtt", b"mdft"})
"""Properties for people: a name, a text instead of the picture, when it was made and changed."""

_FULL_BOX_BYTES = 4
_EMPTY_EXIF = b"\x00\x00\x00\x06Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"
_EMPTY_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
_EMPTY = {b"Exif": (_EMPTY_EXIF, b"\x00"), b"mime": (_EMPTY_XMP, b" ")}

_Span = tuple[int, int]


def bare(data: bytes) -> bytes:
    """Return the file with its metadata overwritten.

    Raises:
        ImageRejectedError: it cannot be done in place: metadata and pictures share bytes, or there are tracks.
    """
    boxes = bmff.top_boxes(data, _KIND)
    if any(box.kind in _TRACKS for box in boxes):
        raise corrupt(_KIND, "its tracks hold metadata of their own")
    types, spans = bmff.item_types(data, boxes, _KIND), bmff.spans_of_items(data, boxes, _KIND)
    metadata = {number for number, kind in types.items() if kind in _METADATA}
    pictures = [span for number, of in spans.items() if number not in metadata for span in of]
    cleaned = bytearray(bmff.images_only(data, boxes))
    for box in boxes:
        if box.kind == b"mdat" or box.kind not in _BUILT_OF:
            _wipe(cleaned, (box.body, box.end), keep=pictures)
    for idat in bmff.in_meta(data, boxes, b"idat", _KIND):
        _wipe(cleaned, (idat.body, idat.end), keep=pictures)
    for number in metadata:
        _empty(cleaned, spans.get(number, []), types[number], keep=pictures)
    for start, end in _described(data, boxes):
        _wipe(cleaned, (start, end), keep=[])
    return bytes(cleaned)


def _described(data: bytes, boxes: tuple[bmff.Box, ...]) -> list[_Span]:
    """Return what is said for people, among what describes the images."""
    inner = [box for meta in boxes if meta.kind == b"meta" for box in _inside(data, meta)]
    names = [(box.body + _HANDLER_BYTES, box.end) for box in inner if box.kind == b"hdlr"]
    return names + [(box.body, box.end) for box in inner if box.kind not in _DESCRIBED_BY] + _properties(data, boxes)


def _inside(data: bytes, meta: bmff.Box) -> list[bmff.Box]:
    return list(bmff.between(data, meta.body + _FULL_BOX_BYTES, meta.end, _KIND))


def _properties(data: bytes, boxes: tuple[bmff.Box, ...]) -> list[_Span]:
    return [
        (box.body + _FULL_BOX_BYTES, box.end)
        for iprp in bmff.in_meta(data, boxes, b"iprp", _KIND)
        for ipco in bmff.between(data, iprp.body, iprp.end, _KIND)
        if ipco.kind == b"ipco"
        for box in bmff.between(data, ipco.body, ipco.end, _KIND)
        if box.kind in _DESCRIPTIONS
    ]


def _wipe(cleaned: bytearray, span: _Span, *, keep: list[_Span]) -> None:
    """Overwrite a part of the file with zeros, but for what pictures are made of."""
    at, end = span[0], min(span[1], len(cleaned))
    for start, length in sorted(keep):
        if at < start < end:
            cleaned[at:start] = bytes(start - at)
        if start < end:
            at = max(at, min(start + length, end))
    cleaned[at:end] = bytes(max(0, end - at))


def _empty(cleaned: bytearray, spans: list[_Span], kind: bytes, *, keep: list[_Span]) -> None:
    """Overwrite an item with one of its kind that says nothing, or with zeros where it has no room for that."""
    shared = any(at < start + size and start < at + length for at, length in spans for start, size in keep)
    if shared:
        raise corrupt(_KIND, "its metadata and its pictures share bytes")
    text, filler = _EMPTY.get(kind, (b"", b"\x00"))
    for at, length in spans:
        end = min(at + length, len(cleaned))
        said = text if len(text) <= end - at and len(spans) == 1 else b""
        cleaned[at:end] = said + filler * max(0, end - at - len(said))
