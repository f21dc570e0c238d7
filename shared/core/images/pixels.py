"""Decoded pixels on their way to a plain upright RGB picture: shrunk, in sRGB, turned."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageCms

Rows = Callable[[int, int], "Image.Image"]
"""The rows of a picture from the first number up to the second, as an image of its width."""

_STRIP_PIXELS = 1_000_000
_MIN_STRIP_ROWS = 16
_PAD_ROWS = 4
"""LANCZOS reaches three output rows beyond a strip: strips cut with four give the same pixels as the whole."""

_LANCZOS_PIXELS = 16_000_000
"""LANCZOS takes 20 to 30 ns for a pixel of its input: where there are more, whole pixels are averaged first (3 ns)."""

_MAX_PROFILE_BYTES = 4 * 2**20
_PROFILE_TAGS_AT, _PROFILE_TAG_BYTES, _MAX_PROFILE_TAGS = 128, 12, 100
_ENDLESS_TAGS = frozenset({b"D2B", b"B2D"})
"""Chains of any number of steps (ICC.1:2022, 9.2.13 and 9.2.21), all of which are taken for each colour."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture whose rows are taken strip by strip: it never exists at full size in a second mode.

    `size` is (width, height) in pixels. `rows` gives strips of 8 bits a channel, with an alpha channel if
    `transparent`. `whole` is the picture itself where its rows are nothing else.
    """

    size: tuple[int, int]
    rows: Rows
    changes: tuple[str, ...] = ()
    transparent: bool = False
    whole: Image.Image | None = None


def shrunk(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """Return the picture at `size`, resized strip by strip."""
    from PIL import Image

    if picture.whole is not None and picture.size == size:
        return picture.whole
    factor = _averaging(picture.size, size)
    rows, full = (_averaged(picture, factor), tuple(side / factor for side in picture.size))
    scale = full[1] / size[1]
    height = math.ceil(full[1])
    strip_rows = max(_MIN_STRIP_ROWS, int(_STRIP_PIXELS / (full[0] * scale)))
    result: Image.Image | None = None
    for top in range(0, size[1], strip_rows):
        bottom = min(top + strip_rows, size[1])
        first, last = max(0, top - _PAD_ROWS), min(size[1], bottom + _PAD_ROWS)
        y0, y1 = math.floor(first * scale), min(height, math.ceil(last * scale))
        box = (0, first * scale - y0, full[0], min(last * scale, full[1]) - y0)
        part = rows(y0, y1).resize((size[0], last - first), _filter(full), box=box)
        result = result or Image.new(part.mode, size)
        result.paste(part.crop((0, top - first, size[0], bottom - first)), (0, top))
    if result is None:
        raise AssertionError(f"Expected a size of at least one pixel, found {size}.")  # a bug
    return result


def _averaging(full: tuple[int, int], size: tuple[int, int]) -> int:
    """Return the side of the squares that are averaged before LANCZOS: the least that leaves it few enough pixels."""
    largest = max(1, min(full[0] // size[0], full[1] // size[1]))
    needed = math.ceil(math.sqrt(full[0] * full[1] / _LANCZOS_PIXELS))
    return max(1, min(largest, needed))


def _averaged(picture: Picture, factor: int) -> Rows:
    if factor == 1:
        return picture.rows
    return lambda y0, y1: picture.rows(y0 * factor, min(y1 * factor, picture.size[1])).reduce(factor)


def _filter(full: tuple[float, ...]) -> Image.Resampling:
    from PIL.Image import Resampling

    return Resampling.LANCZOS if full[0] * full[1] <= 2 * _LANCZOS_PIXELS else Resampling.HAMMING


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """Return RGB in sRGB: by the embedded profile, or plainly where there is none that fits."""
    from PIL import ImageCms

    if image.mode == "LAB":
        return _lab_to_rgb(image), ("converted from Lab to RGB",)
    words = ("converted from CMYK to RGB",) if image.mode == "CMYK" else ()
    if not profile:
        return image.convert("RGB"), words
    try:
        source = _profile(profile)
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image.convert("RGB"), words
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB"), (*words, "colour profile ignored: it is broken or does not fit")
    return converted or image.convert("RGB"), (*words, "colours converted to sRGB")


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Apply one of the eight EXIF orientations."""
    from PIL.Image import Transpose

    method = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def _profile(data: bytes) -> ImageCms.ImageCmsProfile:
    from PIL import ImageCms

    if len(data) > _MAX_PROFILE_BYTES or _is_endless(data):
        raise ValueError("a colour profile that takes too long")
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def _is_endless(profile: bytes) -> bool:
    count = int.from_bytes(profile[_PROFILE_TAGS_AT : _PROFILE_TAGS_AT + 4], "big")
    starts = (_PROFILE_TAGS_AT + 4 + _PROFILE_TAG_BYTES * index for index in range(min(count, _MAX_PROFILE_TAGS)))
    return count > _MAX_PROFILE_TAGS or any(profile[at : at + 3] in _ENDLESS_TAGS for at in starts)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image.convert("RGB")
