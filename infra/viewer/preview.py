"""Pictures that every browser shows: upright, in sRGB, of a bounded size. HEIC and TIFF become JPEG like the rest."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from infra.viewer.errors import ApiError
from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import open_upright
from shared.core.images.probing import probe

MAX_SIDE_PX, SMALL_SIDE_PX = 1600, 560
_JPEG_QUALITY = 85


_LAID_DOWN: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""From upright back to the grid of the file, by its EXIF orientation."""


def preview(data: bytes, *, max_side_px: int = MAX_SIDE_PX, stored: bool = False) -> bytes:
    """Return a JPEG of an uploaded picture: upright, as `box_px` of a result is, or as `stored`, as `box_px_stored` is.

    Raises:
        ApiError: 415, it is no picture that Uplook accepts; the message says why.
    """
    try:
        info = probe(data)
        picture = open_upright(data, info, max_side_px=max_side_px)
    except ImageRejectedError as error:
        raise ApiError(415, error.message) from error
    if stored and info.orientation in _LAID_DOWN:
        picture = picture.transpose(_LAID_DOWN[info.orientation])
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()
