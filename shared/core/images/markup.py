"""The root element of an XML or HTML document in any of its encodings, found without a parser.

An SVG is text, so it may come as UTF-8, UTF-16 or UTF-32 with or without a byte order mark, as EBCDIC, or in any code
page that shares its lower half with ASCII (XML 1.0, appendix F). Before its root stand declarations, comments,
processing instructions and a DOCTYPE, whose internal subset may hold entities with any character in them.
"""

from __future__ import annotations

import re
import zlib

LOOKED_AT_BYTES = 64 * 1024
"""How much of a document may stand before its root: Illustrator writes some kilobytes of entities."""

_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_ZEROS_OF_ASCII = (
    ((False, True, True, True), "utf-32-le"),
    ((True, True, True, False), "utf-32-be"),
    ((False, True, False, True), "utf-16-le"),
    ((True, False, True, False), "utf-16-be"),
)
"""Which of the first four bytes are zero where the first characters are ASCII."""

_EBCDIC_DECLARATION = b"\x4c\x6f\xa7\x94\x93"  # "<?xml"
_GZIP = b"\x1f\x8b\x08"
_BLANKS = re.compile(r"\s+")
_NAME = re.compile(r"<([A-Za-z_][\w.:-]*)")
_DOCTYPE = re.compile(r"<!doctype\s+([\w.:-]+)", re.IGNORECASE)
_DOCTYPE_PART = re.compile(r"<!--|<\?|[\"'\[\]>]")
_ENDS = {"<!--": "-->", "<?": "?>", '"': '"', "'": "'"}
_TELLING_DOCTYPES = frozenset({"svg", "html"})
_MAX_PARTS = 5_000


def text_of(data: bytes) -> str:
    """Return the beginning of a text, in the encoding that its first bytes show; every other byte is one character."""
    head = data[:LOOKED_AT_BYTES]
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "ignore")
    zeros = tuple(byte == 0 for byte in head[:4])
    for pattern, encoding in _ZEROS_OF_ASCII:
        if zeros == pattern:
            return head.decode(encoding, "ignore")
    return head.decode("cp037" if head.startswith(_EBCDIC_DECLARATION) else "latin-1")


def root_element(data: bytes) -> str | None:
    """Return the local name of the root element in lower case, `svg` for one; None where there is none."""
    text = text_of(data)
    at = 0
    for _ in range(_MAX_PARTS):
        at = _behind_blanks(text, at)
        if opening := next((mark for mark in ("<!--", "<?") if text.startswith(mark, at)), None):
            at = _behind(text, _ENDS[opening], at + len(opening))
        elif doctype := _DOCTYPE.match(text, at):
            if _local(doctype[1]) in _TELLING_DOCTYPES:
                return _local(doctype[1])
            at = _behind_doctype(text, doctype.end())
        else:
            name = _NAME.match(text, at)
            return _local(name[1]) if name else None
    return None


def is_compressed_svg(data: bytes) -> bool:
    """Whether a gzip archive holds an SVG: an `.svgz`."""
    if not data.startswith(_GZIP):
        return False
    try:
        head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:LOOKED_AT_BYTES], LOOKED_AT_BYTES)
    except zlib.error:
        return False
    return root_element(head) == "svg"


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _behind_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _behind(text: str, closing: str, at: int) -> int:
    found = text.find(closing, at)
    return len(text) if found < 0 else found + len(closing)


def _behind_doctype(text: str, at: int) -> int:
    """Return where a DOCTYPE ends: neither a quoted `>` ends it nor one within its brackets."""
    depth = 0
    while part := _DOCTYPE_PART.search(text, at):
        mark, at = part[0], part.end()
        if mark in _ENDS:
            at = _behind(text, _ENDS[mark], at)
        depth += {"[": 1, "]": -1}.get(mark, 0)
        if mark == ">" and depth <= 0:
            return at
    return len(text)
