"""Probing: what an uploaded file is, from its content and its header, before any pixel is decoded.

A service that reads an object from its bucket itself spares the worker the download, if the beginning of the file shows
that nothing need be done to it. Everything else (turned, animated, 16 bit, CMYK, another format, something odd) is read
as a whole, and probed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.core.errors import ErrorCode, ImageRejectedError
from shared.core.images.decoders import HEIF_FORMATS, open_heif, open_pillow, refusing
from shared.core.images.exif import exif_orientation
from shared.core.images.limits import (
    DEFAULT_LIMITS,
    SUPPORTED,
    Limits,
    corrupt,
    require_bytes,
    require_size,
    too_many_pixels,
    unsupported,
)
from shared.core.images.signatures import named
from shared.core.images.sniff import Sniffed, describe, sniff
from shared.core.images.structure import Structure
from shared.core.images.work import HEVC_BYTE_NS, HIDDEN_PIXEL_NS
from shared.core.values import ImageInfo, is_transposed

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageFile

__all__ = ["DEFAULT_LIMITS", "HEAD_BYTES", "Limits", "examine", "probe", "probe_head", "structure_of"]

HEAD_BYTES = 128 * 1024
"""Enough for a JPEG with its EXIF block, its thumbnail and a colour profile."""

_CODED_PIXEL_BYTES = 4

_SCANNED = frozenset({"bmp", "gif", "jpeg", "png", "tiff", "webp"})
"""The formats that we walk ourselves."""
_HEADS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png", b"RIFF": "webp"}
"""The formats that their first bytes may describe, by how they begin."""


def probe(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    """Return what the file is, or raise `ImageRejectedError` saying why Uplook does not take it."""
    return examine(data, limits=limits)[0]


def examine(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> tuple[ImageInfo, Structure]:
    """Return what the file is, and the structure that was walked to learn it: nobody need walk it again.

    Raises:
        ImageRejectedError: saying why Uplook does not take it.
    """
    require_bytes(len(data), limits)
    kind = _require_supported(data)
    structure = structure_of(data, kind.format, limits=limits)
    turned = is_transposed(structure.orientation)
    info = ImageInfo(
        width=structure.height if turned else structure.width,
        height=structure.width if turned else structure.height,
        format=kind.format,
        mime_type=kind.mime_type,
        orientation=structure.orientation,
        frames=structure.frames,
        mode=structure.mode,
        warnings=structure.warnings,
    )
    return info, structure


def probe_head(head: bytes, *, max_side_px: int, limits: Limits = DEFAULT_LIMITS) -> ImageInfo | None:
    """Describe an image that can be sent as it lies there; None where its first bytes do not show that.

    Raises:
        ImageRejectedError: it has more pixels than is allowed.
    """
    for signature, image_format in _HEADS.items():
        if head.startswith(signature):
            info = _head_reader(image_format)(head)
            if info is None or info.orientation != 1 or max(info.width, info.height) > max_side_px:
                return None
            require_size(info.width, info.height, limits)
            return info
    return None


def structure_of(data: bytes, image_format: str, *, limits: Limits = DEFAULT_LIMITS) -> Structure:
    """Return the structure of a file of a known format, its caps and its completeness checked.

    Raises:
        ImageRejectedError: a cap is exceeded, or the file is visibly truncated or corrupt.
    """
    if image_format in HEIF_FORMATS:
        return _heif_structure(data, limits)
    if image_format == "avif":
        return _avif_structure(data, limits)
    structure = _scanner(image_format)(data, limits)
    require_size(structure.width, structure.height, limits)
    return replace(structure, mode=_mode(structure, data, image_format))


def _scanner(image_format: str) -> Callable[[bytes, Limits], Structure]:
    """Return what walks a format. An instance's first image waits for the module of its own format alone."""
    match image_format:
        case "bmp":
            from shared.core.images.bmp import scan
        case "gif":
            from shared.core.images.gif import scan
        case "jpeg":
            from shared.core.images.jpeg import scan
        case "png":
            from shared.core.images.png import scan
        case "tiff":
            from shared.core.images.tiff import scan
        case _:
            from shared.core.images.webp import scan
    return scan


def _head_reader(image_format: str) -> Callable[[bytes], ImageInfo | None]:
    match image_format:
        case "jpeg":
            from shared.core.images.jpeg import read_head
        case "png":
            from shared.core.images.png import read_head
        case _:
            from shared.core.images.webp import read_head
    return read_head


def _require_supported(data: bytes) -> Sniffed:
    kind = sniff(data)
    if kind is None:
        raise ImageRejectedError(
            ErrorCode.NOT_AN_IMAGE,
            f"Expected an image ({SUPPORTED}); the content looks like {describe(data)} whatever its name says. "
            "Upload the image itself.",
        )
    if kind.format not in _SCANNED | HEIF_FORMATS | {"avif"}:
        raise unsupported(named(kind))
    return kind


def _mode(structure: Structure, data: bytes, image_format: str) -> str:
    """Return Pillow's mode of the file, once Pillow agrees on its size."""
    image = _opened(structure, data, image_format)
    # Pillow announces a TIFF in its upright size, and turns it while loading.
    turned = image_format == "tiff" and is_transposed(structure.orientation)
    if (image.size[::-1] if turned else image.size) != (structure.width, structure.height):
        found = f"its header says {structure.width}x{structure.height}, its decoder {image.width}x{image.height}"
        raise corrupt(image_format.upper(), found)
    return image.mode


def _opened(structure: Structure, data: bytes, image_format: str) -> ImageFile.ImageFile:
    """Open a file with its decoder; a variant that this does not handle is refused by its name."""
    try:
        return open_pillow(structure.decodable or data, image_format)
    except ImageRejectedError as error:
        if error.code == ErrorCode.UNSUPPORTED_FORMAT and structure.variant:
            raise unsupported(structure.variant) from error
        raise


def _heif_structure(data: bytes, limits: Limits) -> Structure:
    """Take the size that the decoder will deliver: it turns the picture itself and ignores EXIF, as HEIF says."""
    from shared.core.images.bmff import largest_extent, top_boxes
    from shared.core.images.heif_items import decoding_of

    with refusing("HEIC"):
        boxes = top_boxes(data, "HEIC")
        coded_width, coded_height = largest_extent(data, boxes, "HEIC")
        used = decoding_of(data, boxes)
        container = open_heif(data)
        (width, height), mode, frames = container.size, container.mode, len(container)
        bits = container.info["bit_depth"] if mode.startswith("I;16") else 8
    require_size(width, height, limits)
    return Structure(
        width=width,
        height=height,
        frames=min(frames, limits.max_frames),
        mode=mode,
        bits=bits,
        extra_work_ns=HIDDEN_PIXEL_NS * max(0, used.pixels - width * height) + HEVC_BYTE_NS * used.payload_bytes,
        zero_bits=16 - bits if bits > 8 else 0,  # noqa: PLR2004 - grey comes in the upper bits of a word
        whole_image_bytes=_hidden_bytes(max(used.at_once_pixels, coded_width * coded_height), width * height, limits),
    )


def _avif_structure(data: bytes, limits: Limits) -> Structure:
    """Pillow reports the rotation that an AVIF asks for as EXIF, and leaves it to us."""
    from shared.core.images.av1 import coded_pixels
    from shared.core.images.bmff import images_only, still_only, top_boxes

    with refusing("AVIF"):
        boxes = top_boxes(data, "AVIF")
        images = images_only(data, boxes)
        coded = coded_pixels(data, boxes)
        image = open_pillow(images, "avif")
    require_size(image.width, image.height, limits)
    exif = image.info.get("exif")
    orientation, warnings = exif_orientation(exif) if exif else (1, ())
    return Structure(
        width=image.width,
        height=image.height,
        orientation=orientation,
        frames=min(getattr(image, "n_frames", 1), limits.max_frames),
        mode=image.mode,
        whole_image_bytes=_hidden_bytes(coded, image.width * image.height, limits),
        extra_work_ns=HIDDEN_PIXEL_NS * max(0, coded - image.width * image.height),
        decodable=still_only(images) or (images if len(images) < len(data) else None),
        warnings=warnings,
    )


def _hidden_bytes(coded: int, announced: int, limits: Limits) -> int:
    """Return the memory of coded pixels that the announced size does not show, once they are within the cap."""
    if coded > limits.max_pixels:
        raise too_many_pixels(
            f"Expected at most {limits.max_pixels:,} coded pixels; found {coded:,} in an image that shows "
            f"{announced:,}. Scale the image down and upload it again."
        )
    return _CODED_PIXEL_BYTES * max(0, coded - announced)
