"""What the first bytes of an image file settle: whether the model can take the file as it is, and its size.

A service that reads an object from its bucket itself spares the worker the download, if the beginning of the file shows
that nothing need be done to it. Everything else (turned, animated, 16 bit, CMYK, another format, something odd) is
None here: the whole file is read then, and probed as usual.

What stands behind the pixels is not seen: a PNG may carry its EXIF there, unusual as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.images.limits import DEFAULT_LIMITS, Limits, require_size
from shared.core.images.tiff import exif_orientation
from shared.core.values import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEAD_BYTES = 128 * 1024
"""Enough for a JPEG with its EXIF block, its thumbnail and a colour profile."""

_PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_PNG_BITS = frozenset({1, 2, 4, 8})
_JPEG_MODES = {1: "L", 3: "RGB"}
_SOF0, _SOF2, _SOS, _APP1 = 0xC0, 0xC2, 0xDA, 0xE1
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA), 0xFF})  # no length follows these
_RARE_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ANIMATED_OR_EXIF = 0x02 | 0x08  # flags of VP8X: https://developers.google.com/speed/webp/docs/riff_container


def untouched(head: bytes, *, max_side_px: int, limits: Limits = DEFAULT_LIMITS) -> ImageInfo | None:
    """Describe an image that can be sent as it lies there; None where its first bytes do not show that.

    Raises:
        ImageRejectedError: it has more pixels than is allowed.
    """
    for signature, read in _READERS.items():
        if head.startswith(signature):
            info = read(head)
            if info is None or info.orientation != 1 or max(info.width, info.height) > max_side_px:
                return None
            require_size(info.width, info.height, limits)
            return info
    return None


def _jpeg(head: bytes) -> ImageInfo | None:
    at, frame, exif = 2, b"", b""
    while at + 4 <= len(head) and head[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, end = head[at + 1], at + 2 + int.from_bytes(head[at + 2 : at + 4], "big")
        body = head[at + 4 : end]
        if marker == _SOS:
            return _jpeg_info(frame, exif)
        if end > len(head) or marker in _BARE or marker in _RARE_FRAMES:
            return None
        if _SOF0 <= marker <= _SOF2:
            frame = frame or body
        elif marker == _APP1 and body.startswith(b"Exif\x00\x00"):
            exif = exif or body  # the first one counts, as in the whole file
        at = end
    return None


def _jpeg_info(frame: bytes, exif: bytes) -> ImageInfo | None:
    if len(frame) < 6 or frame[0] != 8 or frame[5] not in _JPEG_MODES:  # noqa: PLR2004 - 8 bits, then sizes and count
        return None
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    orientation, warnings = exif_orientation(exif) if exif else (1, ())
    mode = _JPEG_MODES[frame[5]]
    return ImageInfo(width, height, "jpeg", "image/jpeg", orientation, mode=mode, warnings=warnings)


def _png(head: bytes) -> ImageInfo | None:
    at, exif = 8, b""
    while at + 8 <= len(head):
        kind, end = head[at + 4 : at + 8], at + 12 + int.from_bytes(head[at : at + 4], "big")
        if kind == b"IDAT":
            return _png_info(head, exif)
        if end > len(head) or kind == b"acTL":
            return None
        if kind == b"eXIf":
            exif = exif or head[at + 8 : end - 4]
        at = end
    return None


def _png_info(head: bytes, exif: bytes) -> ImageInfo | None:
    if head[12:16] != b"IHDR" or head[24] not in _PNG_BITS or head[25] not in _PNG_MODES:
        return None
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    orientation, warnings = exif_orientation(exif) if exif else (1, ())
    return ImageInfo(width, height, "png", "image/png", orientation, mode=_PNG_MODES[head[25]], warnings=warnings)


def _webp(head: bytes) -> ImageInfo | None:
    kind, body = head[12:16], head[20:30]
    if head[8:12] != b"WEBP" or len(body) < 10:  # noqa: PLR2004 - as much as the longest of the three needs
        return None
    if kind == b"VP8X" and not body[0] & _ANIMATED_OR_EXIF:
        size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    elif kind == b"VP8L" and body[0] == 0x2F:  # noqa: PLR2004 - its signature
        bits = int.from_bytes(body[1:5], "little")
        size = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        size = int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    else:
        return None
    return ImageInfo(*size, "webp", "image/webp")


_READERS: Mapping[bytes, Callable[[bytes], ImageInfo | None]] = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
}
