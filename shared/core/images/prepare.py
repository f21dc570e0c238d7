"""Preparing: the original bytes where the model takes them, else a safe, upright, smaller JPEG of them."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from shared.core.images.decoders import (
    HEIF_FORMATS,
    first_extent,
    load,
    load_low_bytes,
    open_heif,
    open_pillow,
    refusing,
)
from shared.core.images.ground import drawn
from shared.core.images.limits import DEFAULT_LIMITS, Limits, corrupt
from shared.core.images.memory import require_affordable
from shared.core.images.pixels import to_srgb, turned_upright
from shared.core.images.probing import structure_of
from shared.core.images.strips import bare_outside, heif_picture, picture_of
from shared.core.images.work import require_quick
from shared.core.values import ImageInfo, PreparedImage, is_transposed

if TYPE_CHECKING:
    from PIL import Image

    from shared.core.images.pixels import Picture
    from shared.core.images.structure import Structure

_JPEG_QUALITY = 90
_MUCH_SHRUNK = 0.5
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
    (default: `max_side_px`); what is written anew has the size that `written_size` gives. `structure` is that of the
    file, where it is known: it is walked otherwise.

    Raises:
        ImageRejectedError: the file is truncated, corrupt or too large to decode.
    """
    structure = structure or structure_of(data, info.format, limits=limits)
    if _fits_as_it_is(info, structure, accepted=accepted, max_side_px=as_is_side_px or max_side_px):
        if info.format == "png":
            _require_all_rows(data)
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
    """Return the picture as a person sees it: RGB, sRGB, upright, at the size that `written_size` gives.

    `structure` is that of the file, where it is known: it is walked otherwise.
    """
    structure = structure or structure_of(data, info.format, limits=limits)
    return _decode(data, info, structure, max_side_px=max_side_px, limits=limits)[0]


def warnings_about_detail(
    info: ImageInfo, structure: Structure, *, accepted: frozenset[str], max_side_px: int, as_is_side_px: int
) -> tuple[str, ...]:
    """Return a warning where the picture will be shrunk so much that what is small in it is lost; else nothing."""
    if _fits_as_it_is(info, structure, accepted=accepted, max_side_px=as_is_side_px):
        return ()
    width, height = written_size(info.width, info.height, max_side_px)
    if width > _MUCH_SHRUNK * info.width:
        return ()
    sizes = f"shrunk from {info.width}x{info.height} to {width}x{height} for the model"
    return (f"{sizes}: small text and details may be lost; cut the image into parts to keep them",)


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
    upright_size = written_size(info.width, info.height, max_side_px)
    orientation = 1 if info.format in _TURNED_BY_DECODER else info.orientation
    size = upright_size[::-1] if is_transposed(orientation) else upright_size
    require_affordable(structure, info.format, size, limits)
    require_quick(structure, info.format, limits, file_bytes=len(structure.decodable or data))
    small, profile, changes = _decode_small(data, info, structure, size)
    with refusing(info.format.upper()):
        image, colour_changes = to_srgb(small, profile)
        image = turned_upright(image, orientation)
    return image, (*_frame_changes(info, upright_size), *changes, *colour_changes)


def _decode_small(
    data: bytes, info: ImageInfo, structure: Structure, size: tuple[int, int]
) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """Return the picture at `size`, its colour profile and what was done; the full picture is freed on return."""
    full, profile = _loaded(structure.decodable or data, info, structure, size)
    with refusing(info.format.upper()):
        small, words = drawn(full, size)
    changes = (*structure.changes, *full.changes, *words)
    small.info = {}  # Pillow writes comments and profiles found here into the next file
    return small, profile, changes


def _loaded(data: bytes, info: ImageInfo, structure: Structure, size: tuple[int, int]) -> tuple[Picture, bytes | None]:
    """Decode the first frame, with its colour profile; a JPEG straight to the smallest size that gives `size`."""
    if info.format in HEIF_FORMATS:
        container = open_heif(data)
        picture = heif_picture(container, structure)
        _require_size(info, (info.width, info.height), picture.size)
        return picture, container.info.get("icc_profile")
    if info.format == "png":
        _require_all_rows(data)
    image = open_pillow(data, info.format)
    announced, frame = image.size, first_extent(image)
    if info.format == "jpeg":
        # `thumbnail()` asks for twice the target and so misses the cheaper scale; draft the target itself.
        image.draft(None, size)
        announced = image.size
    load(image, info.format)
    with refusing(info.format.upper()):
        _require_size(info, announced, image.size)
        picture = picture_of(image, structure, low_bytes=lambda: load_low_bytes(data, info.format))
        if info.format == "gif" and frame != (0, 0, *announced):
            picture = bare_outside(picture, frame)
    return picture, image.info.get("icc_profile")


def _require_all_rows(data: bytes) -> None:
    from shared.core.images.png import require_all_rows

    require_all_rows(data)


def _require_size(info: ImageInfo, announced: tuple[int, int], found: tuple[int, int]) -> None:
    if found != announced:
        words = f"it announces {announced[0]}x{announced[1]} pixels and decodes to {found[0]}x{found[1]}"
        raise corrupt(info.format.upper(), words)


def written_size(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    """Return the size at which a picture is written: of the same shape, never larger, at least 1 pixel on a side.

    The longer side is at most `max_side_px`. Shapes beyond 2:1, such as screenshots of whole conversations and
    panoramas, may be longer: their shorter side keeps half of `max_side_px`, or what a square of `max_side_px` has in
    pixels. Bounded by the longer side alone, nothing in them could be read.
    """
    by_shorter_side = max_side_px / 2 / min(width, height)
    by_pixels = max_side_px / math.sqrt(width * height)
    scale = min(1.0, max(max_side_px / max(width, height), min(by_shorter_side, by_pixels)))
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
