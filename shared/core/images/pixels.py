"""Decoded pixels on their way to a plain upright RGB picture: flattened, shrunk, in sRGB."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageCms

    from shared.core.images.structure import Structure

Flatten = Callable[["Image.Image"], "Image.Image"]

_STRIP_PIXELS = 1_000_000
_MIN_STRIP_ROWS = 16
_PAD_ROWS = 4
"""LANCZOS reaches three output rows beyond a strip: strips cut with four give the same pixels as the whole."""

_WHITE = (255, 255, 255)
_KEPT_MODES = frozenset({"L", "RGB", "CMYK", "LAB"})
_ALPHA_MODES = frozenset({"LA", "PA", "RGBA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I", "F"})
_MAX_PROFILE_BYTES = 4 * 2**20


def flattening(image: Image.Image, structure: Structure) -> tuple[Flatten, tuple[str, ...]]:
    """Choose how the strips of `image` become 8 bits and opaque, and say what that changes."""
    if image.mode.startswith("I;16"):
        words = f"{structure.bits} bits a channel scaled to 8"
        return partial(_looked_up, table=_table(structure)), (words,)
    if image.mode in _DEEP_MODES:
        low, high = _finite_extremes(image)
        words = f"values {low:g} to {high:g} stretched to 8 bits"
        black, white = (high, low) if structure.inverted else (low, high)
        return partial(_stretched, black=black, white=white), (words,)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _on_white, ("transparency laid on white",)
    if image.mode in _KEPT_MODES:
        return _unchanged, ()
    return (_to_grey if image.mode == "1" else _to_rgb), ()


def shrunk(image: Image.Image, size: tuple[int, int], flatten: Flatten) -> Image.Image:
    """Flatten and resize strip by strip: the whole picture never exists at full size in a second mode."""
    from PIL import Image

    if image.size == size and flatten is _unchanged:
        return image
    scale = image.height / size[1]
    rows = max(_MIN_STRIP_ROWS, int(_STRIP_PIXELS / (image.width * scale)))
    result: Image.Image | None = None
    for top in range(0, size[1], rows):
        bottom = min(top + rows, size[1])
        first, last = max(0, top - _PAD_ROWS), min(size[1], bottom + _PAD_ROWS)
        y0, y1 = math.floor(first * scale), min(image.height, math.ceil(last * scale))
        box = (0, first * scale - y0, image.width, min(last * scale, image.height) - y0)
        strip = flatten(image.crop((0, y0, image.width, y1)))
        part = strip.resize((size[0], last - first), Image.Resampling.LANCZOS, box=box)
        result = result or Image.new(part.mode, size)
        result.paste(part.crop((0, top - first, size[0], bottom - first)), (0, top))
    return result or image


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


def _unchanged(strip: Image.Image) -> Image.Image:
    return strip


def _to_grey(strip: Image.Image) -> Image.Image:
    return strip.convert("L")


def _to_rgb(strip: Image.Image) -> Image.Image:
    return strip.convert("RGB")


def _on_white(strip: Image.Image) -> Image.Image:
    from PIL import Image

    # Premultiplied alpha converts one step at a time only.
    straight = {"La": "LA", "RGBa": "RGBA"}.get(strip.mode)
    rgba = (strip.convert(straight) if straight else strip).convert("RGBA")
    paper = Image.new("RGB", strip.size, _WHITE)
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper


def _table(structure: Structure) -> NDArray[np.uint8]:
    """Return the 8-bit value of each 16-bit one; files of 12 bits use the lower part of the table."""
    import numpy as np

    white = (1 << min(structure.bits, 16)) - 1
    table = np.rint(np.arange(65_536).clip(0, white) * (255.0 / white)).astype(np.uint8)
    return 255 - table if structure.inverted else table


def _looked_up(strip: Image.Image, *, table: NDArray[np.uint8]) -> Image.Image:
    import numpy as np
    from PIL import Image

    return Image.fromarray(table[np.asarray(strip)])


def _finite_extremes(image: Image.Image) -> tuple[float, float]:
    """Return the smallest and the largest finite value; the pair is never equal."""
    import numpy as np

    low, high = math.inf, -math.inf
    rows = max(_MIN_STRIP_ROWS, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        finite = strip[np.isfinite(strip)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def _stretched(strip: Image.Image, *, black: float, white: float) -> Image.Image:
    import numpy as np
    from PIL import Image

    with np.errstate(invalid="ignore", over="ignore"):
        values = (np.asarray(strip).astype(np.float64) - black) * (255.0 / (white - black))
        clean = np.nan_to_num(values, nan=0.0, posinf=255.0, neginf=0.0)
        return Image.fromarray(np.rint(clean.clip(0, 255)).astype(np.uint8))


def _profile(data: bytes) -> ImageCms.ImageCmsProfile:
    from PIL import ImageCms

    if len(data) > _MAX_PROFILE_BYTES:
        raise ValueError("colour profile too large")
    return ImageCms.ImageCmsProfile(io.BytesIO(data))


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image.convert("RGB")
