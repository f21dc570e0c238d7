"""Writes a mask as a PNG of the whole image: 1 bit of grey per pixel, white (255) is the mask, black (0) is not.

A row is packed to bits before it meets the compressor and rows without mask are one constant, so that ten masks
of a 12-megapixel photo take milliseconds and never a full-size array. The bytes depend on nothing but the input
and the zlib in use.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.model import BoxPx, Mask

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ONE_BIT_GREY = (1, 0, 0, 0, 0)  # depth, colour type, compression, filter, interlace
_LEVEL = 6
_BLOCK_ROWS = 256


def encode_mask_png(mask: Mask, *, width: int, height: int) -> bytes:
    """The mask as a PNG of `width` times `height` pixels (those of the upright image).

    Raises:
        ValueError: if the mask is unavailable, or does not lie in such an image with one byte for each pixel.
    """
    box = _checked_box(mask, width, height)
    deflate = zlib.compressobj(_LEVEL)
    packed = b"".join(deflate.compress(rows) for rows in _rows(mask, box, width, height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, *_ONE_BIT_GREY)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _checked_box(mask: Mask, width: int, height: int) -> BoxPx:
    if mask.status != "ok" or mask.box_px is None:
        raise ValueError(f"expected a mask to encode, found none ({mask.reason})")
    x0, y0, x1, y1 = mask.box_px
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(f"expected a box inside of {width}x{height}, found {mask.box_px}")
    if len(mask.bitmap) != (x1 - x0) * (y1 - y0):
        raise ValueError(f"expected one byte per pixel of {mask.box_px}, found {len(mask.bitmap)} bytes")
    return mask.box_px


def _rows(mask: Mask, box: BoxPx, width: int, height: int) -> Iterator[bytes]:
    """All rows of the image from the top, each with its filter byte, many at a time."""
    row_bytes = 1 + (width + 7) // 8
    yield from _black(box[1], row_bytes)
    for top in range(0, box[3] - box[1], _BLOCK_ROWS):
        yield _box_rows(mask, box, row_bytes, top)
    yield from _black(height - box[3], row_bytes)


def _black(rows: int, row_bytes: int) -> Iterator[bytes]:
    block = bytes(row_bytes * min(rows, _BLOCK_ROWS))
    for _ in range(rows // _BLOCK_ROWS):
        yield block
    yield block[: row_bytes * (rows % _BLOCK_ROWS)]


def _box_rows(mask: Mask, box: BoxPx, row_bytes: int, top: int) -> bytes:
    """Some rows of the box, from its row `top`: the pixels packed to bits at their place, the rest black."""
    import numpy as np

    x0, wide = box[0], box[2] - box[0]
    count = min(_BLOCK_ROWS, box[3] - box[1] - top)
    pixels = np.frombuffer(mask.bitmap, dtype=np.uint8, count=count * wide, offset=top * wide)
    aligned = np.pad(pixels.reshape(count, wide), ((0, 0), (x0 % 8, 0)))
    bits = np.packbits(aligned, axis=1)
    rows = np.zeros((count, row_bytes), dtype=np.uint8)
    start = 1 + x0 // 8
    rows[:, start : start + bits.shape[1]] = bits
    return rows.tobytes()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
