"""The small file of each format that costs the most of those that are taken: empty, and as large as allowed."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from infra.bench.bombs import filled_png

if TYPE_CHECKING:
    from collections.abc import Callable

_REPOSITORY = Path(__file__).parents[2]
_PNG_SIZE = (7_400, 6_000)
_PAETH = 4


def _png() -> bytes:
    """Return 44 megapixels in RGB whose rows are all filtered in the way that is slowest to undo (PNG, 9.2)."""
    return filled_png(_PNG_SIZE, filter_type=_PAETH)


def _bmp() -> bytes:
    """Return run-length coded rows that end after one pixel: Pillow fills the rest byte by byte."""
    width, height = 2_700, 2_500
    body, palette = b"\x01\x07\x00\x00" * height + b"\0\1", bytes(range(256)) * 4
    start = 54 + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0) + palette + body


def _saved(image_format: str, mode: str, side_px: int, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        sink = io.BytesIO()
        Image.new(mode, (side_px, side_px)).save(sink, image_format, **options)
        return sink.getvalue()

    return make


WORST: dict[str, Callable[[], bytes]] = {
    "worst.png": _png,
    "worst.bmp": _bmp,
    "worst.jpg": _saved("JPEG", "RGB", 8_000, progressive=True),
    "worst.gif": _saved("GIF", "P", 9_500),
    "worst.tif": _saved("TIFF", "RGB", 7_100, compression="tiff_adobe_deflate"),
    "worst.webp": _saved("WEBP", "RGB", 5_000, quality=0),
    "worst.avif": _saved("AVIF", "RGB", 5_300, speed=10, subsampling="4:4:4"),
    "worst.heic": (_REPOSITORY / "tests/images/bounds/heic-panorama-16382x3628.heic").read_bytes,
}
"""By the name of the file. Uplook never writes HEIC, so that a panorama of 59 megapixels is taken as it is kept."""
