"""Cheap looks at an image's quality: what a person would say about it before blaming the model. Warnings only.

Every figure here is of a small grey copy. They were chosen on scikit-image's collection: none of its photos is
warned about, and nearly all are once they are blurred by 1 % of their long side, or darkened to a tenth.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from shared.core.errors import ImageRejectedError
from shared.core.images.decoders import load, open_pillow, refusing
from shared.core.images.jpeg import MAX_LOOKED_AT_BYTES, MAX_LOOKED_AT_PIXELS
from shared.core.images.limits import DEFAULT_LIMITS, Limits
from shared.core.images.probing import structure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from shared.core.images.structure import Structure
    from shared.core.values import ImageInfo

_TINY_SIDE_PX = 64
_SAMPLE_SIDE_PX = 320
_LEAST_SIDE_FOR_BLUR_PX = 64

# At most about 15 ms of the 20 that a caption may cost where a photo of 12 megapixels is decoded in 100 (`make bench`):
# decoding costs 8 ms for a megabyte of baseline JPEG and 0.3 ms for a megapixel. What is blurred or dark compresses
# well, so that 12 megapixels of it stay below, but not with the noise of a sensor. What must be decoded as a whole
# costs 10 ms (WebP, progressive JPEG) to 25 ms (PNG) for a megapixel.
_MAX_OTHER_PIXELS = 750_000
_OPAQUE_MODES = frozenset({"1", "L", "P", "RGB", "CMYK"})
_LOOKED_AT = frozenset({"jpeg", "png", "webp"})

_DARK_BELOW, _BRIGHT_ABOVE, _LEAST_RANGE = 40, 225, 16
_SHARPEST_SHARE = 0.001
# The strongest thousandth of a photo's Laplacian is 0.58 to 2 times its contrast (a clock in motion: 0.39); of one
# blurred by 1 %, about 0.06.
_SHARP_EDGE_OF_CONTRAST = 0.18
_LAPLACE, _ZERO = (0, 1, 0, 1, -4, 1, 0, 1, 0), 128


def warnings_about(
    data: bytes, info: ImageInfo, *, limits: Limits = DEFAULT_LIMITS, structure: Structure | None = None
) -> tuple[str, ...]:
    """Return what is poor about a probed image, in plain words; nothing where looking would cost too much.

    `structure` is that of the file, where it is known: it is walked otherwise.
    """
    if max(info.width, info.height) < _TINY_SIDE_PX:
        return (f"tiny: {info.width}x{info.height} pixels show little",)
    if info.format not in _LOOKED_AT or info.mode not in _OPAQUE_MODES or info.frames > 1:
        return ()
    if info.format == "jpeg" and len(data) > MAX_LOOKED_AT_BYTES:
        return ()
    try:
        structure = structure or structure_of(data, info.format, limits=limits)
        return _warnings(_sample(data, info, structure)) if _is_cheap(info, structure) else ()
    except ImageRejectedError as error:
        return (f"its quality could not be looked at: {error.message}",)


def _is_cheap(info: ImageInfo, structure: Structure) -> bool:
    if structure.bits > 8:  # noqa: PLR2004 - bits per channel
        return False
    streamed = info.format == "jpeg" and structure.whole_image_bytes == 0
    return info.width * info.height <= (MAX_LOOKED_AT_PIXELS if streamed else _MAX_OTHER_PIXELS)


def _sample(data: bytes, info: ImageInfo, structure: Structure) -> Image.Image:
    """Decode a small grey copy, as stored: how it is turned does not matter here."""
    from PIL import Image

    image = open_pillow(structure.decodable or data, info.format)
    scale = min(1.0, _SAMPLE_SIDE_PX / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if info.format == "jpeg":
        image.draft("L", size)
    load(image, info.format)
    with refusing(info.format.upper()):
        grey = image.convert("L")
        return grey if grey.size == size else grey.resize(size, Image.Resampling.BOX)


def _warnings(grey: Image.Image) -> tuple[str, ...]:
    shades = grey.histogram()
    darkest, brightest = _shade(shades, 0.001), _shade(shades, 0.99)
    if brightest < _DARK_BELOW:
        return (f"very dark: 99 % of it is darker than {brightest + 1} of 255",)
    if darkest > _BRIGHT_ABOVE:
        return (f"very bright: 99.9 % of it is brighter than {darkest - 1} of 255",)
    if brightest - darkest < _LEAST_RANGE:
        return ("hardly any contrast: it is of nearly one shade all over",)
    return (
        ("no sharp edge in it: blurred, or nothing but smooth shades",)
        if _is_blurred(grey, brightest - darkest)
        else ()
    )


def _is_blurred(grey: Image.Image, contrast: int) -> bool:
    """Whether even the sharpest edges are soft: the strongest thousandth of the Laplacian, against the contrast.

    Its variance, the usual measure, takes a smooth background for blur.
    """
    from PIL import ImageFilter

    if min(grey.size) < _LEAST_SIDE_FOR_BLUR_PX:
        return False
    edges = grey.filter(ImageFilter.Kernel((3, 3), _LAPLACE, scale=1, offset=_ZERO))
    # Pillow leaves the outermost pixels unfiltered.
    strengths = edges.crop((1, 1, grey.width - 1, grey.height - 1)).histogram()
    sharp = round(_SHARP_EDGE_OF_CONTRAST * contrast)
    soft = sum(strengths[_ZERO - sharp + 1 : _ZERO + sharp])
    return soft > (1 - _SHARPEST_SHARE) * sum(strengths)


def _shade(histogram: Sequence[int], share: float) -> int:
    """Return the shade that this share of all pixels does not exceed."""
    wanted = share * sum(histogram)
    return next((shade for shade, seen in enumerate(accumulate(histogram)) if seen >= wanted), 255)
