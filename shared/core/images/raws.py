"""Whether a TIFF is a camera's raw, and whose: the picture of it that decoders find is but a thumbnail.

Sources: the DNG specification (DNGVersion), TIFF/EP (ISO 12234-2) for the colour filter array, LibRaw and ExifTool for
what makers write besides.
"""

from __future__ import annotations

from shared.core.images import ifd

_COMPRESSION, _PHOTOMETRIC, _MAKE, _FILTER_PATTERN_SIZE, _FILTER_PATTERN, _DNG_VERSION = (
    259,
    262,
    271,
    33421,
    33422,
    50706,
)
_SENSOR_DATA = frozenset({32803, 34892})
"""Photometric interpretations: colour filter array, and linear raw."""

_RAW_COMPRESSIONS = {32767: "arw", 32769: "raw", 32770: "srw", 32772: "srw", 34713: "nef", 65000: "dcr", 65535: "pef"}
_MARKS = (
    (8, b"CR", "cr2"),
    (8, b"IIII", "iiq"),
    (8, b"MMMM", "iiq"),
)
"""What stands behind the header of a raw of Canon and of Phase One."""

_MAKERS = (
    (b"NIKON", "nef"),
    (b"SONY", "arw"),
    (b"PENTAX", "pef"),
    (b"RICOH", "pef"),
    (b"SAMSUNG", "srw"),
    (b"HASSELBLAD", "3fr"),
    (b"PHASE ONE", "iiq"),
    (b"LEAF", "mos"),
    (b"MAMIYA", "mef"),
    (b"SEIKO EPSON", "erf"),
    (b"EPSON", "erf"),
    (b"EASTMAN KODAK", "dcr"),
    (b"KODAK", "dcr"),
    (b"CANON", "cr2"),
    (b"OLYMPUS", "orf"),
    (b"OM DIGITAL", "orf"),
    (b"PANASONIC", "rw2"),
    (b"LEICA", "rw2"),
    (b"FUJIFILM", "raf"),
)
_MAX_MAKE_BYTES = 64


def raw_format(data: bytes, header: ifd.Header, pages: list[dict[int, int]]) -> str | None:
    """Return the format of a raw (`nef`) by the first numbers of its directories' tags; None for any other TIFF."""
    if any(_DNG_VERSION in tags for tags in pages):
        return "dng"
    marked = next((name for at, mark, name in _MARKS if data.startswith(mark, at)), None)
    by_compression = next((_RAW_COMPRESSIONS[value] for tags in pages if (value := _compression(tags))), None)
    if marked is None and by_compression is None and not any(_holds_sensor_data(tags) for tags in pages):
        return None
    return marked or _by_maker(data, header) or by_compression or "raw"


def _compression(tags: dict[int, int]) -> int:
    value = tags.get(_COMPRESSION, 0)
    return value if value in _RAW_COMPRESSIONS else 0


def _holds_sensor_data(tags: dict[int, int]) -> bool:
    return tags.get(_PHOTOMETRIC) in _SENSOR_DATA or _FILTER_PATTERN in tags or _FILTER_PATTERN_SIZE in tags


def _by_maker(data: bytes, header: ifd.Header) -> str | None:
    for entry in ifd.tag_entries(data, header, header.first):
        if entry.tag == _MAKE:
            maker = data[entry.at : entry.at + min(entry.count, _MAX_MAKE_BYTES)].strip(b"\x00 ").upper()
            return next((name for start, name in _MAKERS if maker.startswith(start)), None)
    return None
