"""What some bytes are, judged by their content alone: names and declared types are never trusted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

HEAD_BYTES = 4096
"""How much of a file is looked at for a textual kind (SVG, HTML, JSON, plain text)."""


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A kind of file: `format` is a lower-case word (`jpeg`), the same that `ImageInfo.format` uses."""

    format: str
    mime_type: str


_SIGNATURES: tuple[tuple[bytes, Sniffed], ...] = (
    (b"\x89PNG\r\n\x1a\n", Sniffed("png", "image/png")),
    (b"\xff\xd8\xff", Sniffed("jpeg", "image/jpeg")),
    (b"GIF87a", Sniffed("gif", "image/gif")),
    (b"GIF89a", Sniffed("gif", "image/gif")),
    (b"II*\x00", Sniffed("tiff", "image/tiff")),
    (b"MM\x00*", Sniffed("tiff", "image/tiff")),
    (b"II+\x00", Sniffed("tiff", "image/tiff")),
    (b"MM\x00+", Sniffed("tiff", "image/tiff")),
    (b"%PDF-", Sniffed("pdf", "application/pdf")),
    (b"%!PS", Sniffed("eps", "application/postscript")),
    (b"\xc5\xd0\xd3\xc6", Sniffed("eps", "application/postscript")),
    (b"8BPS", Sniffed("psd", "image/vnd.adobe.photoshop")),
    (b"\x00\x00\x01\x00", Sniffed("ico", "image/x-icon")),
    (b"\xff\x0a", Sniffed("jxl", "image/jxl")),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Sniffed("jxl", "image/jxl")),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Sniffed("jpeg2000", "image/jp2")),
    (b"\xff\x4f\xff\x51", Sniffed("jpeg2000", "image/jp2")),
    (b"\x1aE\xdf\xa3", Sniffed("webm", "video/webm")),
)
"""Longer signatures never stand behind a shorter one that they begin with."""

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
_SVG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!doctype svg[^>]*>\s*)*<svg[\s>]", re.DOTALL | re.IGNORECASE)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.DOTALL | re.IGNORECASE)


def sniff(data: bytes) -> Sniffed | None:
    """Name the kind of image (or of a known, unsupported relative of one); None where it is no image at all."""
    for signature, sniffed in _SIGNATURES:
        if data.startswith(signature):
            return sniffed
    if data[4:8] == b"ftyp":
        return _sniff_bmff(data)
    if data[:4] == b"RIFF":
        return _sniff_riff(data)
    if _looks_like_bmp(data):
        return Sniffed("bmp", "image/bmp")
    if _SVG.match(_text_head(data)):
        return Sniffed("svg", "image/svg+xml")
    return None


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
    box = data[8 : min(max(size, 16), HEAD_BYTES)]
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


def _sniff_riff(data: bytes) -> Sniffed | None:
    kinds = {b"WEBP": Sniffed("webp", "image/webp"), b"AVI ": Sniffed("avi", "video/x-msvideo")}
    return kinds.get(data[8:12])


def _looks_like_bmp(data: bytes) -> bool:
    """`BM` alone is two letters of text; the size of the header that follows makes it a bitmap."""
    return data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES


def _text_head(data: bytes) -> bytes:
    return data[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf")


def _describe_text(data: bytes) -> str | None:
    head = _text_head(data)
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        text = head[: error.start].decode()
    if any(ord(character) < 32 and character not in "\t\n\r\f\x1b" for character in text):  # noqa: PLR2004 - C0
        return None
    if _HTML.match(head):
        return "an HTML page"
    return "JSON" if _is_json(data) else "plain text"


def _is_json(data: bytes) -> bool:
    """Only a short document is parsed: a long one that opens like JSON is taken at its first character."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        return len(data) > HEAD_BYTES or json.loads(data) is not None
    except (ValueError, RecursionError):
        return False
