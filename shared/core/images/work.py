"""What decoding an image takes in time, known from its headers before it starts; the figures are data, and tested.

A nanosecond here is one of CPU time on a core of 2026, rounded up from the worst file of each kind that was found:
filters, palettes and averaging to the written size are included. What a decoder does once for each entry of a
file (a tile, a chunk, a run, a scan) is added by the module that reads that format, as `Structure.extra_work_ns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.images.limits import Limits, too_many_pixels

if TYPE_CHECKING:
    from shared.core.images.structure import Structure

_PIXEL_NS: dict[str, dict[str, int]] = {
    "png": {"1": 12, "L": 16, "P": 20, "LA": 30, "RGB": 44, "RGBA": 68, "I;16": 25},
    "gif": {"": 14},
    "bmp": {"1": 8, "L": 8, "P": 12, "": 15},
    "tiff": {"1": 10, "L": 15, "P": 18, "I;16": 25, "": 25, "F": 45, "I": 45},
    "webp": {"": 40},
    "avif": {"": 45},
    "heic": {"": 30},
    "heif": {"": 30},
    "jpeg": {"L": 6, "RGB": 12, "CMYK": 18},
}
"""Nanoseconds for each pixel of the stored grid, by format and Pillow's mode; "" is any other mode."""

SCAN_SAMPLE_NS = 1.2
"""For each sample in each scan of a progressive JPEG: one that adds nothing is walked all the same."""

RLE_PIXEL_NS, RLE_BYTE_NS = 280, 500
"""Pillow unpacks the runs of a bitmap in Python, and fills what they leave out byte by byte."""

TILE_NS = 15_000
"""For each tile or strip of a TIFF: an entry in Pillow, or a call of a codec in libtiff."""

CHUNK_NS = 12_000
"""For each chunk of a PNG, read once by us and once, in Python, by Pillow."""

HIDDEN_PIXEL_NS = 25
"""For each pixel of a coded picture that is decoded and not shown."""


def work_ns(structure: Structure, image_format: str) -> int:
    """Return the most CPU time in nanoseconds that decoding and shrinking a file takes."""
    by_mode = _PIXEL_NS[image_format]
    pixel_ns = by_mode.get(structure.mode, by_mode.get("", max(by_mode.values())))
    if structure.bits > 8 and structure.mode in {"RGB", "RGBA", "LA"}:  # noqa: PLR2004 - a byte
        pixel_ns *= 2  # twice the bytes, and once more where the lower halves are needed
    return pixel_ns * structure.width * structure.height + structure.extra_work_ns


def require_quick(structure: Structure, image_format: str, limits: Limits) -> None:
    """Refuse an image that takes too long to decode."""
    needed = work_ns(structure, image_format)
    if needed > limits.max_work_ns:
        raise too_many_pixels(
            f"Expected an image that decodes within {limits.max_work_ns / 1e9:g} seconds of CPU time; this "
            f"{image_format.upper()} of {structure.width:,}x{structure.height:,} pixels may take {needed / 1e9:.1f}. "
            "Scale it down, or save it as a plain JPEG or PNG, and upload it again."
        )
