"""The header of a Windows bitmap, checked against the size of the file."""

from __future__ import annotations

import struct

from shared.core.images.limits import Limits, truncated
from shared.core.images.structure import Structure
from shared.core.images.work import RLE_BYTE_NS, RLE_PIXEL_NS

_CORE_HEADER = 12
_RUN_LENGTHS = frozenset({1, 2})
_UNCOMPRESSED = frozenset({0, 3, 6})
_COMPRESSION_NAMES = {
    0: "not compressed",
    1: "run-length encoded",
    2: "run-length encoded",
    3: "with bit fields of its own",
    4: "with a JPEG inside",
    5: "with a PNG inside",
    6: "with bit fields of its own",
    11: "in CMYK",
    12: "in CMYK, run-length encoded",
    13: "in CMYK, run-length encoded",
}


def scan(data: bytes, limits: Limits) -> Structure:
    """Read the size; rows that are not compressed can be counted."""
    del limits  # one frame, and a header of fixed size
    try:
        (pixels_at, header_bytes) = struct.unpack_from("<II", data, 10)
        width, height, bits, compression = _fields(data, header_bytes)
    except struct.error as error:
        raise truncated("BMP", "ends inside its header") from error
    row_bytes = (width * bits + 31) // 32 * 4
    # Some writers leave out the padding of the last row, which holds no pixel.
    padding = row_bytes - (width * bits + 7) // 8
    missing = pixels_at + row_bytes * height - len(data) if compression in _UNCOMPRESSED else 0
    if missing > padding:
        raise truncated("BMP", f"has {len(data):,} of {pixels_at + row_bytes * height:,} bytes")
    runs_ns = RLE_PIXEL_NS * width * height + RLE_BYTE_NS * len(data) if compression in _RUN_LENGTHS else 0
    return Structure(
        width=width,
        height=height,
        extra_work_ns=runs_ns,
        decodable=data + bytes(missing) if missing > 0 else None,
        variant=_variant(bits, compression),
    )


def _variant(bits: int, compression: int) -> str:
    kind = _COMPRESSION_NAMES.get(compression, f"of compression {compression}")
    return f"a BMP of {bits} bits a pixel, {kind}"


def _fields(data: bytes, header_bytes: int) -> tuple[int, int, int, int]:
    """Return width, height, bits per pixel and compression; a negative height means rows from the top down."""
    if header_bytes == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return width, height, bits, 0
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    return max(0, width), abs(height), bits, compression
