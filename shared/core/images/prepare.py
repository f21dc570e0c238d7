"""Preparing: the original bytes where the model takes them, else a safe, upright, smaller JPEG of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from shared.core.images.decoders import HEIF_FORMATS, load, load_heif, open_heif, open_pillow, refusing
from shared.core.images.limits import DEFAULT_LIMITS, Limits, corrupt
from shared.core.images.memory import require_affordable
from shared.core.images.pixels import flattening, shrunk, to_srgb, turned_upright
from shared.core.images.png import require_all_rows
from shared.core.images.probing import structure_of
from shared.core.values import ImageInfo, PreparedImage, is_transposed

if TYPE_CHECKING:
    from PIL import Image

    from shared.core.images.structure import Structure

_JPEG_QUALITY = 90
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_TURNED_BY_DECODER = HEIF_FORMATS | {"tiff"}


def prepare(
    data: bytes,
    info: ImageInfo,
    *,
    accepted: frozenset[str],
    max_side_px: int,
    as_is_side_px: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    structure: Structure | None = None,
) -> PreparedImage:
    """Return bytes for the model; `changes` says in plain words each thing that was done to the file.

    `accepted` holds the MIME types that the model takes as they are, up to `as_is_side_px` on the longer side
    (default: `max_side_px`); what is written anew is at most `max_side_px` long. `structure` is that of the file, where
    it is known: it is walked otherwise.

    Raises:
        ImageRejectedError: the file is truncated, corrupt or too large to decode.
    """
    structure = structure or structure_of(data, info.format, limits=limits)
    if _fits_as_it_is(info, structure, accepted=accepted, max_side_px=as_is_side_px or max_side_px):
        if info.format == "png":
            require_all_rows(data)
        return PreparedImage(data, info.mime_type, info.width, info.height)
    image, changes = _decode(data, info, structure, max_side_px=max_side_px, limits=limits)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    written = "encoded again as JPEG" if info.format == "jpeg" else f"converted from {info.format.upper()} to JPEG"
    changes += (f"{written}, without metadata",)
    return PreparedImage(encoded.getvalue(), "image/jpeg", image.width, image.height, changes)


def open_upright(
    data: bytes,
    info: ImageInfo,
    *,
    max_side_px: int,
    limits: Limits = DEFAULT_LIMITS,
    structure: Structure | None = None,
) -> Image.Image:
    """Return the picture as a person sees it: RGB, sRGB, upright, its longer side at most `max_side_px`.

    `structure` is that of the file, where it is known: it is walked otherwise.
    """
    structure = structure or structure_of(data, info.format, limits=limits)
    return _decode(data, info, structure, max_side_px=max_side_px, limits=limits)[0]


def _fits_as_it_is(info: ImageInfo, structure: Structure, *, accepted: frozenset[str], max_side_px: int) -> bool:
    return (
        info.mime_type in accepted
        and info.orientation == 1
        and info.frames == 1
        and info.mode in _PLAIN_MODES
        and structure.bits <= 8  # noqa: PLR2004 - bits per channel
        and structure.decodable is None
        and max(info.width, info.height) <= max_side_px
    )


def _decode(
    data: bytes, info: ImageInfo, structure: Structure, *, max_side_px: int, limits: Limits
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the plain upright picture and what was done to it."""
    upright_size = _bounded(info.width, info.height, max_side_px)
    orientation = 1 if info.format in _TURNED_BY_DECODER else info.orientation
    size = upright_size[::-1] if is_transposed(orientation) else upright_size
    require_affordable(structure, info.format, size, limits)
    small, profile, changes = _decode_small(data, info, structure, size)
    with refusing(info.format.upper()):
        image, colour_changes = to_srgb(small, profile)
        image = turned_upright(image, orientation)
    return image, (*_frame_changes(info, upright_size), *changes, *colour_changes)


def _decode_small(
    data: bytes, info: ImageInfo, structure: Structure, size: tuple[int, int]
) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """Return the picture at `size`, its colour profile and what was done; the full picture is freed on return."""
    full = _loaded(structure.decodable or data, info, size)
    with refusing(info.format.upper()):
        flatten, changes = flattening(full, structure)
        small = shrunk(full, size, flatten)
    changes = (*structure.changes, *changes)
    profile = full.info.get("icc_profile")
    small.info = {}  # Pillow writes comments and profiles found here into the next file
    return small, profile, changes


def _loaded(data: bytes, info: ImageInfo, size: tuple[int, int]) -> Image.Image:
    """Decode the first frame; a JPEG straight to the smallest size from which `size` can be had."""
    if info.format in HEIF_FORMATS:
        return _of_the_announced_size(load_heif(open_heif(data)), info, (info.width, info.height))
    if info.format == "png":
        require_all_rows(data)
    image = open_pillow(data, info.format)
    announced = image.size
    if info.format == "jpeg":
        # `thumbnail()` asks for twice the target and so misses the cheaper scale; draft the target itself.
        image.draft(None, size)
        announced = image.size
    load(image, info.format)
    return _of_the_announced_size(image, info, announced)


def _of_the_announced_size(image: Image.Image, info: ImageInfo, announced: tuple[int, int]) -> Image.Image:
    if image.size == announced:
        return image
    found = f"it announces {announced[0]}x{announced[1]} pixels and decodes to {image.width}x{image.height}"
    raise corrupt(info.format.upper(), found)


def _bounded(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    """Return the largest size of the same shape whose longer side fits; no side becomes 0."""
    scale = min(1.0, max_side_px / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _frame_changes(info: ImageInfo, size: tuple[int, int]) -> tuple[str, ...]:
    changes = []
    if info.frames > 1:
        several = "primary of {} images" if info.format in HEIF_FORMATS else "first of {} frames"
        changes.append(several.format(info.frames))
    if info.orientation != 1:
        changes.append(f"turned upright (EXIF orientation {info.orientation})")
    if size != (info.width, info.height):
        changes.append(f"shrunk from {info.width}x{info.height} to {size[0]}x{size[1]}")
    return tuple(changes)
