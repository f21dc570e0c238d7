"""Metadata taken out of a file without decoding it: no pixel changes, and nothing but pixels stays.

What is kept is listed, not what is dropped: a place, a name or a serial number may stand in blocks that nobody has
heard of, between two others, or behind the image. Colour profiles stay, for the colours depend on them; which way up
the picture is is said anew, in an EXIF of one tag.
Sources: ITU-T T.81 annex B, JFIF 1.02, W3C PNG (third edition), RFC 9649; for HEIC see `stripping_heif`.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

from shared.core.errors import ImageRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REMOVED = "metadata removed"
"""What the changes of an image say of it."""

_EXIF_PREFIX = b"Exif\x00\x00"

_SOS, _EOI, _APP0, _APP1, _APP2, _APP14 = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE
_CODING = range(0xC0, 0xE0)
"""Frames, tables and scans: what decoding needs."""

_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # no length follows these
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ADOBE_BYTES = 12

_PNG_SIGNATURE_BYTES = 8
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs cICP mDCV mDCv cLLI cLLi acTL fcTL fdAT".split()
)

_WEBP_HEADER_BYTES = 12
_WEBP_KEPT = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_FRAME_BYTES = 16
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # flags of VP8X


def without_metadata(data: bytes, image_format: str, *, orientation: int = 1) -> bytes | None:
    """Return the file without metadata: the very bytes where it has none, None where they cannot be taken out of it.

    `orientation` is the EXIF value 1-8 that the file has, so that it can be said again; HEIC has it elsewhere.
    """
    strip = _FORMATS.get(image_format)
    if strip is None:
        return None
    try:
        bare = strip(data, b"" if orientation == 1 else _exif_of(orientation))
    except (ImageRejectedError, ValueError, IndexError, struct.error):
        return None
    return data if bare == data else bare


def _exif_of(orientation: int) -> bytes:
    """Return a TIFF of one entry, big-endian: tag 274, one SHORT; no directory follows."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 274, 3, 1, orientation, 0, 0)


def _jpeg(data: bytes, exif: bytes) -> bytes:
    jfif, *others = _jpeg_parts(data)
    said = _segment(_APP1, _EXIF_PREFIX + exif) if exif else b""
    return b"".join([data[:2], jfif, said, *others])


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    """Yield JFIF's segment or nothing, then what is kept in its order: whole segments, a scan with its data."""
    kept: list[bytes] = []
    jfif, at, marker = b"", 2, 0
    while marker != _EOI:
        found = _MARKER.search(data, at)
        if found is None:
            raise ValueError("no end marker")
        marker, at = found[1][0], found.end()
        if marker in _ALONE or marker == _EOI:
            continue
        end = at + int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : end]
        if end < at + 2 or end > len(data):
            raise ValueError("a segment is cut")
        if marker == _SOS:
            after = _AFTER_SCAN.search(data, end)
            end = after.start() if after else len(data)
            kept.append(data[found.start() : end])
        elif marker == _APP0 and body.startswith(b"JFIF\x00") and not jfif:
            jfif = _segment(_APP0, body[:12] + b"\x00\x00")  # without its thumbnail
        elif marker == _APP14 and body.startswith(b"Adobe"):
            kept.append(_segment(_APP14, body[:_ADOBE_BYTES]))
        elif marker in _CODING or (marker == _APP2 and body.startswith(b"ICC_PROFILE\x00")):
            kept.append(_segment(marker, body))
        at = end
    yield jfif
    yield from kept
    yield b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


def _png(data: bytes, exif: bytes) -> bytes:
    head, *others = _png_chunks(data)
    said = _png_chunk(b"eXIf", exif) if exif else b""
    return b"".join([data[:_PNG_SIGNATURE_BYTES], head, said, *others])


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at, kind = _PNG_SIGNATURE_BYTES, b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise ValueError("a chunk is cut")
        kind = data[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            yield data[at:end]
        at = end


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(data: bytes, exif: bytes) -> bytes:
    end = 8 + int.from_bytes(data[4:8], "little")
    kept = [(kind, _webp_body(kind, body, exif)) for kind, body in _webp_chunks(data[_WEBP_HEADER_BYTES:end])]
    if exif and kept[0][0] == b"VP8X":
        kept.append((b"EXIF", exif))
    chunks = b"".join(_webp_chunk(kind, body) for kind, body in kept)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise ValueError("a chunk is cut")
        if data[at : at + 4] in _WEBP_KEPT:
            yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _webp_body(kind: bytes, body: bytes, exif: bytes) -> bytes:
    if kind == b"VP8X":
        said = _WEBP_EXIF if exif else 0
        return bytes((body[0] & ~(_WEBP_EXIF | _WEBP_XMP) | said,)) + body[1:10]
    if kind == b"ANMF":
        parts = (_webp_chunk(*chunk) for chunk in _webp_chunks(body[_WEBP_FRAME_BYTES:]))
        return body[:_WEBP_FRAME_BYTES] + b"".join(parts)
    return body


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)


def _heif(data: bytes, _: bytes) -> bytes:
    from shared.core.images import stripping_heif

    return stripping_heif.bare(data)


_FORMATS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "heic": _heif,
    "heif": _heif,
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
}
