"""Bytes to an upright RGB picture at working size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps
from pillow_heif import HeifImageFile, get_file_mimetype

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORKING_SIDE = 512
"""Long side of what is analysed, in pixels: answers come fast, and boxes in thousandths lose nothing."""

FORMATS = ("PNG", "JPEG", "WEBP")
"""Pillow's names of what the API accepts, besides HEIC; the content decides, not the declared MIME type."""

MAX_PIXELS = 200_000_000

# `formats=` finds only decoders that are registered, and Pillow registers WebP late.
Image.init()

# What the decoders raise on bad bytes; the last three are HEIC's.
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError, LookupError, RuntimeError)


class UnreadableImageError(Exception):
    """The bytes are no image of an accepted format, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Picture:
    """`rgb`: uint8, shape (rows, columns, 3), upright; `width`, `height`: of the upright original."""

    rgb: NDArray[np.uint8]
    width: int
    height: int


def read_picture(data: bytes) -> Picture:
    """Decode, shrink and turn upright by EXIF; transparency becomes white.

    Raises:
        UnreadableImageError: not an image this API accepts.
    """
    try:
        with _opened(data) as image:
            return _upright(image)
    except _UNREADABLE as error:
        raise UnreadableImageError(str(error)) from error


def _opened(data: bytes) -> Any:
    # Not registered with Pillow: the whole process would get the plugin, with its encoder.
    if get_file_mimetype(data).startswith(("image/heic", "image/heif")):
        return HeifImageFile(io.BytesIO(data))
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _upright(image: Any) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"{width} x {height} pixels, at most {MAX_PIXELS} are decoded")
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))
    small = _eight_bit(image)
    small.thumbnail((WORKING_SIDE, WORKING_SIDE))
    turned = ImageOps.exif_transpose(small)
    # A quarter turn swaps the sides; `draft` and `thumbnail` change the size, so the turn shows in EXIF only.
    if _quarter_turned(image):
        width, height = height, width
    return Picture(np.asarray(_on_white(turned)), width, height)


def _eight_bit(image: Any) -> Any:
    # Pillow clips 16-bit greys to 255 when it converts them, which turns almost every pixel white.
    if image.mode.startswith("I"):
        eight = Image.fromarray((np.asarray(image, dtype=np.uint32) >> 8).clip(0, 255).astype(np.uint8))
        eight.info = dict(image.info)
        return eight
    return image


def _quarter_turned(image: Any) -> bool:
    orientation_tag, quarter_turns = 0x0112, (5, 6, 7, 8)
    return image.getexif().get(orientation_tag) in quarter_turns


def _on_white(image: Any) -> Any:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
