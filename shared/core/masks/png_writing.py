"""Writes a mask as a PNG of the whole image: 1 bit of grey per pixel, white (255) is the mask, black (0) is not.

Its probabilities, where they are wanted, become another PNG of that size, in 8 bits.

The packed rows of a mask are shifted to their place and rows without mask are one constant, so that ten masks of a
12-megapixel photo take milliseconds and never a full-size array. The bytes depend on nothing but the input and the
zlib in use.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from shared.core.masks.bits import packed_size, row_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.values import BoxPx, Mask

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ONE_BIT_GREY = (1, 0, 0, 0, 0)  # depth, colour type, compression, filter, interlace
_EIGHT_BIT_GREY = (8, 0, 0, 0, 0)
_BLOCK_ROWS = 256


def encode_mask_png(mask: Mask, *, width: int, height: int) -> bytes:
    """The mask as a PNG of `width` times `height` pixels (those of the upright image).

    Raises:
        ValueError: if the mask is unavailable, or does not lie in such an image with one bit for each pixel.
    """
    box = _checked_box(mask, width, height)
    # Masks are runs. Against the search for repeats of level 6: files as large, in half the time, a tenth for noise.
    deflate = zlib.compressobj(strategy=zlib.Z_RLE)
    packed = b"".join(deflate.compress(rows) for rows in _rows(mask, box, width, height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, *_ONE_BIT_GREY)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def encode_soft_png(mask: Mask, *, width: int, height: int) -> bytes:
    """The probabilities of a mask as a PNG of `width` times `height` pixels: 8 bits of grey, 0 outside of the box.

    Raises:
        ValueError: if the mask has none, or does not lie in such an image with one byte for each pixel.
    """
    box = _box_inside(mask, width, height)
    wide, high = box[2] - box[0], box[3] - box[1]
    if len(mask.soft) != wide * high:
        raise ValueError(f"expected {wide * high} bytes for {box} (one per pixel), found {len(mask.soft)}")
    deflate = zlib.compressobj(1)  # runs, but for the blurred edges of a resize
    packed = b"".join(deflate.compress(rows) for rows in _soft_rows(mask, box, width, height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, *_EIGHT_BIT_GREY)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _box_inside(mask: Mask, width: int, height: int) -> BoxPx:
    if mask.status != "ok" or mask.box_px is None:
        raise ValueError(f"expected a mask to encode, found none ({mask.reason})")
    x0, y0, x1, y1 = mask.box_px
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(f"expected a box inside of {width}x{height}, found {mask.box_px}")
    return mask.box_px


def _checked_box(mask: Mask, width: int, height: int) -> BoxPx:
    box = _box_inside(mask, width, height)
    if len(mask.bitmap) != packed_size(box):
        raise ValueError(
            f"expected {packed_size(box)} bytes for {box} (one bit per pixel, rows of whole bytes), "
            f"found {len(mask.bitmap)}"
        )
    return box


def _soft_rows(mask: Mask, box: BoxPx, width: int, height: int) -> Iterator[bytes]:
    """All rows of the image from the top, each with its filter byte."""
    x0, y0, x1, y1 = box
    left, right = bytes(1 + x0), bytes(width - x1)
    yield from _black(y0, 1 + width)
    for start in range(0, len(mask.soft), x1 - x0):
        yield left + mask.soft[start : start + x1 - x0] + right
    yield from _black(height - y1, 1 + width)


def _rows(mask: Mask, box: BoxPx, width: int, height: int) -> Iterator[bytes]:
    """All rows of the image from the top, each with its filter byte, many at a time."""
    row_size = 1 + row_bytes(width)
    yield from _black(box[1], row_size)
    for top in range(0, box[3] - box[1], _BLOCK_ROWS):
        yield _box_rows(mask, box, row_size, top)
    yield from _black(height - box[3], row_size)


def _black(rows: int, row_size: int) -> Iterator[bytes]:
    block = bytes(row_size * min(rows, _BLOCK_ROWS))
    for _ in range(rows // _BLOCK_ROWS):
        yield block
    yield block[: row_size * (rows % _BLOCK_ROWS)]


def _box_rows(mask: Mask, box: BoxPx, row_size: int, top: int) -> bytes:
    """Some rows of the box, from its row `top`: the bits shifted to their place, the rest black."""
    import numpy as np

    count, packed = min(_BLOCK_ROWS, box[3] - box[1] - top), row_bytes(box[2] - box[0])
    bits = np.frombuffer(mask.bitmap, dtype=np.uint8, count=count * packed, offset=top * packed).reshape(count, packed)
    start, shift = 1 + box[0] // 8, box[0] % 8
    rows = np.zeros((count, row_size + 1), dtype=np.uint8)  # a byte to spare for padding that is shifted out
    rows[:, start : start + packed] = bits >> shift
    if shift:
        rows[:, start + 1 : start + 1 + packed] |= bits << (8 - shift)
    return rows[:, :row_size].tobytes()


def chunk(name: bytes, data: bytes | bytearray) -> bytes:
    """A chunk of a PNG: length, name, data and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
