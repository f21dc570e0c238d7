"""What some bytes are, judged by their content alone: names and declared types are never trusted."""

from __future__ import annotations

import json
import re

from shared.core.images.markup import is_compressed_svg, root_element, text_of
from shared.core.images.signatures import DEEP_SIGNATURES, RIFF_KINDS, SIGNATURES, Sniffed

__all__ = ["SNIFFED_BYTES", "Sniffed", "describe", "sniff"]

SNIFFED_BYTES = 4096
"""How much of a file is looked at to describe a textual kind (HTML, JSON, plain text)."""

_SVG = Sniffed("svg", "image/svg+xml")
_MAX_CURSORS = 64
_NETPBM = {
    b"1": Sniffed("pbm", "image/x-portable-bitmap"),
    b"2": Sniffed("pgm", "image/x-portable-graymap"),
    b"3": Sniffed("ppm", "image/x-portable-pixmap"),
    b"4": Sniffed("pbm", "image/x-portable-bitmap"),
    b"5": Sniffed("pgm", "image/x-portable-graymap"),
    b"6": Sniffed("ppm", "image/x-portable-pixmap"),
    b"7": Sniffed("pam", "image/x-portable-arbitrarymap"),
    b"F": Sniffed("pfm", "image/x-portable-floatmap"),
    b"f": Sniffed("pfm", "image/x-portable-floatmap"),
}
_NETPBM_HEADER = re.compile(
    rb"P(?:([1-6Ff])(?:\s+(?:#[^\n]*\n\s*){0,99})\d{1,9}\s+(?:#[^\n]*\n\s*){0,99}\d{1,9}\s"
    rb"|(7)\n(?:#[^\n]*\n){0,99}(?:WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE)\b)"
)
_XBM_HEADER = re.compile(rb"\s{0,99}(?:/\*[^*]*\*/\s{0,99})?#define\s+\w*_width\s+\d")
_TGA_FOOTER = b"TRUEVISION-XFILE.\x00"
_TGA_HEADER_BYTES = 18
_TGA_DEPTHS = {1: (8, 16), 2: (15, 16, 24, 32), 3: (8, 16), 9: (8, 16), 10: (15, 16, 24, 32), 11: (8, 16)}
"""Bits per pixel by image type: 1 and 9 have a palette, 3 and 11 are grey; from 9 on runs are packed."""

_TGA_PACKED = 8
_PCX_VERSIONS = frozenset({0, 2, 3, 4, 5})
_PCX_HEADER_BYTES = 128
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS = frozenset({b"mif1", b"msf1", b"mif2"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
_ARCHIVES = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xca\xfe\xba\xbe", "a Java class or a macOS program"),
    (b"\x7fELF", "a Linux program"),
    (b"MZ", "a Windows program"),
)
_HTML_ROOTS = frozenset({"html", "head", "body"})
_HTML_DOCTYPE = re.compile(rb"\s*(?:<!--.*?-->\s*)*<!doctype html\b", re.DOTALL | re.IGNORECASE)


def sniff(data: bytes) -> Sniffed | None:
    """Name the kind of image (or of a known, unsupported relative of one); None where it is no image at all."""
    for signature, sniffed in SIGNATURES:
        if data.startswith(signature):
            return sniffed
    if data[4:8] == b"ftyp":
        return _sniff_bmff(data)
    if data[:4] == b"RIFF":
        return RIFF_KINDS.get(data[8:12])
    if _looks_like_bmp(data):
        return Sniffed("bmp", "image/bmp")
    if root_element(data) == "svg" or is_compressed_svg(data):
        return _SVG
    return _sniff_weak_signs(data)


def _sniff_weak_signs(data: bytes) -> Sniffed | None:
    """Tell the kinds whose first bytes mean little until what follows agrees with them."""
    for at, signature, sniffed in DEEP_SIGNATURES:
        if data.startswith(signature, at):
            return sniffed
    if data.startswith(b"\x00\x00\x02\x00") and 0 < int.from_bytes(data[4:6], "little") <= _MAX_CURSORS:
        return Sniffed("cur", "image/x-win-bitmap")
    if netpbm := _NETPBM_HEADER.match(data[:SNIFFED_BYTES]):
        return _NETPBM[netpbm[1] or netpbm[2]]
    if _XBM_HEADER.match(data[:SNIFFED_BYTES]):
        return Sniffed("xbm", "image/x-xbitmap")
    if _looks_like_pcx(data):
        return Sniffed("pcx", "image/x-pcx")
    return Sniffed("tga", "image/x-tga") if _looks_like_tga(data) else None


def describe(data: bytes) -> str:
    """Say what bytes that are no image look like, in words that fit after "the content looks like"."""
    for signature, words in _ARCHIVES:
        if data.startswith(signature):
            return words
    if not data.strip(b"\x00"):
        return "nothing but zero bytes"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    return _describe_text(data) or "unknown binary data"


def _sniff_bmff(data: bytes) -> Sniffed:
    size = int.from_bytes(data[:4], "big")
    box = data[8 : min(max(size, 16), SNIFFED_BYTES)]
    major = box[:4]
    brands = {box[at : at + 4] for at in range(8, len(box), 4)} | {major}
    if major in _AVIF_BRANDS or (major in _HEIF_BRANDS and brands & _AVIF_BRANDS):
        return Sniffed("avif", "image/avif")
    if major in _HEIC_BRANDS or (major in _HEIF_BRANDS and brands & _HEIC_BRANDS):
        return Sniffed("heic", "image/heic")
    if major in _HEIF_BRANDS:
        return Sniffed("heif", "image/heif")
    if major == b"crx ":
        return Sniffed("cr3", "image/x-canon-cr3")
    return Sniffed("mov", "video/quicktime") if major == b"qt  " else Sniffed("mp4", "video/mp4")


def _looks_like_bmp(data: bytes) -> bool:
    """`BM` alone is two letters of text; the size of the header that follows makes it a bitmap."""
    return data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES


def _looks_like_pcx(data: bytes) -> bool:
    """The maker's number is a line feed: the version, the packing, the bits and the window must fit it."""
    if len(data) < _PCX_HEADER_BYTES or data[0] != 0x0A or data[1] not in _PCX_VERSIONS or data[2] > 1:  # noqa: PLR2004 - ZSoft
        return False
    left, top, right, bottom = (int.from_bytes(data[at : at + 2], "little") for at in (4, 6, 8, 10))
    return data[3] in {1, 2, 4, 8} and data[64] == 0 and data[65] in {1, 2, 3, 4} and left <= right and top <= bottom


def _looks_like_tga(data: bytes) -> bool:
    """Version 2 has a footer; of version 1 every field of the header must be one that writers use."""
    if len(data) < _TGA_HEADER_BYTES:
        return False
    palette, kind, depth, descriptor = data[1], data[2], data[16], data[17]
    width, height = int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
    if depth not in _TGA_DEPTHS.get(kind, ()) or not width or not height:
        return False
    if data.endswith(_TGA_FOOTER):
        return True
    has_palette = kind % _TGA_PACKED == 1
    colours, colour_bits = int.from_bytes(data[5:7], "little"), data[7]
    if palette != has_palette or descriptor & 0xC0 or (not has_palette and any(data[3:8])):
        return False
    if has_palette and (not 0 < colours <= 256 or colour_bits not in {15, 16, 24, 32}):  # noqa: PLR2004 - 8-bit index
        return False
    pixels = width * height * ((depth + 7) // 8)
    least = pixels if kind < _TGA_PACKED else pixels // 128
    return len(data) >= _TGA_HEADER_BYTES + data[0] + colours * ((colour_bits + 7) // 8) + least


def _describe_text(data: bytes) -> str | None:
    head = data[:SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf")
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        text = head[: error.start].decode()
    if any(ord(character) < 32 and character not in "\t\n\r\f\x1b" for character in text):  # noqa: PLR2004 - C0
        return None
    root = root_element(data)
    if root in _HTML_ROOTS or _HTML_DOCTYPE.match(head):
        return "an HTML page"
    if text_of(head).lstrip().startswith("<?xml"):
        return "an XML document"
    return "JSON" if _is_json(data) else "plain text"


def _is_json(data: bytes) -> bool:
    """Only a short document is parsed: a long one that opens like JSON is taken at its first character."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        return len(data) > SNIFFED_BYTES or json.loads(data) is not None
    except (ValueError, RecursionError):
        return False
