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
    "gif": {"": 22},
    "bmp": {"1": 8, "L": 8, "P": 12, "": 15},
    "tiff": {"1": 10, "L": 15, "P": 18, "I;16": 25, "": 25, "RGBA": 45, "LA": 40, "PA": 40, "F": 45, "I": 45},
    "webp": {"": 40, "RGBA": 58},
    "avif": {"": 45},
    "heic": {"": 20},
    "heif": {"": 20},
    "jpeg": {"L": 6, "RGB": 12, "CMYK": 18},
}
"""Nanoseconds for each pixel of the stored grid, by format and Pillow's mode; "" is any other mode."""

_BYTE_NS = {"png": 6, "gif": 4, "tiff": 5, "webp": 30, "avif": 70, "jpeg": 6}
"""Nanoseconds for each byte of the file besides that: what is noisy, or hardly compressed, takes longer."""

HEVC_BYTE_NS = 90
"""For each byte of the pictures of a HEIC file that are decoded, as often as they are."""

SCAN_SAMPLE_NS = 1.2
"""For each sample in each scan of a progressive JPEG: one that adds nothing is walked all the same."""

RLE_PIXEL_NS, RLE_BYTE_NS = 280, 500
"""Pillow unpacks the runs of a bitmap in Python, and fills what they leave out byte by byte."""

TILE_NS = 15_000
"""For each tile or strip of a TIFF: an entry in Pillow, or a call of a codec in libtiff."""

CHUNK_NS = 12_000
"""For each chunk of a PNG, read once by us and once, in Python, by Pillow."""

CLEAR_PIXEL_NS = 15
"""For each pixel of a PNG in which one value is marked as transparent: an alpha channel is made of it."""

HIDDEN_PIXEL_NS = 25
"""For each pixel of a coded picture that is decoded and not shown."""


def work_ns(structure: Structure, image_format: str, *, file_bytes: int) -> int:
    """Return the most CPU time in nanoseconds that decoding and shrinking a file of so many bytes takes."""
    by_mode = _PIXEL_NS[image_format]
    pixel_ns = by_mode.get(structure.mode, by_mode.get("", max(by_mode.values())))
    if structure.bits > 8 and structure.mode in {"RGB", "RGBA", "LA", "CMYK"}:  # noqa: PLR2004 - a byte
        pixel_ns *= 2  # twice the bytes, and once more where the lower halves are needed
    of_bytes = _BYTE_NS.get(image_format, 0) * file_bytes
    return pixel_ns * structure.width * structure.height + of_bytes + structure.extra_work_ns


def require_quick(structure: Structure, image_format: str, limits: Limits, *, file_bytes: int) -> None:
    """Refuse an image that takes too long to decode."""
    needed = work_ns(structure, image_format, file_bytes=file_bytes)
    if needed > limits.max_work_ns:
        found = f"{image_format.upper()} of {structure.width:,}x{structure.height:,} pixels in {file_bytes:,} bytes"
        raise too_many_pixels(
            f"Expected an image that decodes within {limits.max_work_ns / 1e9:g} seconds of CPU time; this {found} may "
            f"take {needed / 1e9:.1f}. Scale it down, or save it as a plain JPEG or PNG, and upload it again."
        )
