"""What decoding an image will cost, estimated before it starts; the factors are measured, and tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.images.limits import Limits, too_many_pixels

if TYPE_CHECKING:
    from shared.core.images.structure import Structure

_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
_OTHER_MODE_BYTES = 4
"""Pillow keeps every other mode, RGB too, in four bytes a pixel."""

_DECODER_BYTES = {"webp": 12, "avif": 10}
"""What those decoders hold for a pixel besides Pillow's image; the others stream their rows."""

_HEIF_PIXEL_BYTES = {"L": 3, "I;16": 6, "RGBA": 7}
_HEIF_OTHER_PIXEL_BYTES = 5
"""What libheif holds for a pixel: the coded planes and the picture, whose rows are taken from there, never copied."""

_JPEG_SCALES = (8, 4, 2, 1)


def draft_scale(structure: Structure, target: tuple[int, int]) -> int:
    """Return the largest power by which libjpeg can shrink while decoding and still cover `target`."""
    return next(
        scale
        for scale in _JPEG_SCALES
        if scale == 1 or (structure.width >= scale * target[0] and structure.height >= scale * target[1])
    )


def require_affordable(structure: Structure, image_format: str, target: tuple[int, int], limits: Limits) -> None:
    """Refuse an image whose decoding to `target` (stored frame) would need too much memory."""
    needed = _decode_bytes(structure, image_format, target)
    if needed > limits.max_decode_bytes:
        raise too_many_pixels(
            f"Expected an image that decodes within {limits.max_decode_bytes // 10**6} MB; this {image_format.upper()} "
            f"of {structure.width:,}x{structure.height:,} pixels needs about {needed // 10**6} MB. Scale it down"
            f"{', or save it as a baseline (not progressive) JPEG,' if image_format == 'jpeg' else ''} and upload "
            "it again."
        )


def _decode_bytes(structure: Structure, image_format: str, target: tuple[int, int]) -> int:
    scale = draft_scale(structure, target) if image_format == "jpeg" else 1
    pixels = -(-structure.width // scale) * -(-structure.height // scale)
    pixel_bytes = _MODE_BYTES.get(structure.mode, _OTHER_MODE_BYTES)
    if image_format in {"heic", "heif"}:
        heif_bytes = _HEIF_PIXEL_BYTES.get(structure.mode, _HEIF_OTHER_PIXEL_BYTES)
        return pixels * heif_bytes + structure.whole_image_bytes
    if structure.bits > 8 and structure.mode in {"RGB", "RGBA", "CMYK"}:  # noqa: PLR2004 - the lower bytes may be needed, too
        pixel_bytes *= 2
    if image_format == "tiff":
        # libtiff may hold all rows as one strip, and Pillow turns the picture while it is still large.
        pixel_bytes *= 2 if structure.orientation == 1 else 3
    return pixels * (pixel_bytes + _DECODER_BYTES.get(image_format, 0)) + structure.whole_image_bytes
