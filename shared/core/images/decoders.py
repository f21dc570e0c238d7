"""The only door to the native decoders: one per format, named, lazily imported, every failure translated.

`Image.open` is not used: given JPEG alone it still hands some files to its MPO plugin, and given a format
that is not loaded yet it imports every plugin there is.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.core.errors import ImageRejectedError
from shared.core.images.limits import corrupt, too_many_pixels, truncated, unsupported

if TYPE_CHECKING:
    from PIL import Image, ImageFile

HEIF_FORMATS = frozenset({"heic", "heif"})
_TRUNCATION_WORDS = ("truncated", "incomplete", "premature", "end of file", "unexpected eof")
_UNHANDLED_WORDS = (
    "unsupported",
    "not supported",
    "not yet supported",
    "unknown pixel mode",
    "unknown data organization",
)


@contextmanager
def refusing(kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises on bad bytes into a refusal that says why."""
    try:
        yield
    except ImageRejectedError:
        raise
    except MemoryError as error:
        raise too_many_pixels(
            f"Expected a {kind} image that fits into memory; found none left. Scale it down and upload it again."
        ) from error
    except Exception as error:
        raise _refusal(kind, error) from error


def open_pillow(data: bytes, image_format: str) -> ImageFile.ImageFile:
    """Read the header with the one decoder of that format; pixels are decoded by `load()`."""
    # Pillow's warnings repeat what our own checks decide; `catch_warnings` would not be safe in threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with refusing(image_format.upper()):
        return _plugin(image_format)(io.BytesIO(data))


def open_heif(data: bytes) -> Any:
    """Parse a HEIC or HEIF container; pixels are decoded by `to_pillow()`, already upright."""
    import pillow_heif

    from shared.core.images.bmff import without_descriptions

    with refusing("HEIC"):
        return pillow_heif.open_heif(without_descriptions(data, "HEIC"))


def load(image: ImageFile.ImageFile, image_format: str) -> None:
    """Decode the pixels of the first frame."""
    with refusing(image_format.upper()):
        image.load()


def first_extent(image: ImageFile.ImageFile) -> tuple[int, int, int, int]:
    """Return the box (left, top, right, bottom) of what will be decoded: of a GIF, its first frame."""
    extents = image.tile[0].extents if image.tile else None
    left, top, right, bottom = extents or (0, 0, *image.size)
    return left, top, right, bottom


def load_low_bytes(data: bytes, image_format: str) -> Image.Image | None:
    """Decode the lower halves of 16-bit colours, which Pillow drops: read in the other byte order, it keeps them.

    None for grey with alpha, which Pillow reads in one byte order only.
    """
    image = open_pillow(data, image_format)
    if any(_raw_mode(tile.args).startswith("LA;16") for tile in image.tile):
        return None
    image.tile = [tile._replace(args=_other_order(tile.args)) for tile in image.tile]
    load(image, image_format)
    return image


def _raw_mode(args: Any) -> str:
    return str(args[0] if isinstance(args, tuple) else args)


def _other_order(args: Any) -> Any:
    """Exchange the byte order in a decoder's raw mode: Pillow names it alone, or first of several arguments."""
    if isinstance(args, tuple):
        return (_other_order(args[0]), *args[1:])
    orders = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
    return args[:-1] + orders[args[-1]] if args[-3:-1] == "16" else args


def _plugin(image_format: str) -> type[ImageFile.ImageFile]:
    from PIL import (
        AvifImagePlugin,
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    return {
        "avif": AvifImagePlugin.AvifImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
        "gif": GifImagePlugin.GifImageFile,
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
        "webp": WebPImagePlugin.WebPImageFile,
    }[image_format]


def _refusal(kind: str, error: Exception) -> ImageRejectedError:
    """Tell a variant that is not handled, a cut file and a damaged one apart; the decoder's words reach no user."""
    words = str(error).lower()
    if any(word in words for word in _UNHANDLED_WORDS):
        return unsupported(f"a {kind} of a variant that is not handled")
    if isinstance(error, EOFError) or any(word in words for word in _TRUNCATION_WORDS):
        return truncated(kind, "ends too early")
    return corrupt(kind, "its content cannot be decoded")
