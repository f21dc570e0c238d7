"""Pictures that every browser shows: upright, in sRGB, of a bounded size. HEIC and TIFF become JPEG like the rest."""

from __future__ import annotations

import io

from infra.local.viewer.errors import ApiError
from shared.core.errors import ImageRejectedError
from shared.core.images.prepare import open_upright
from shared.core.images.probing import probe

MAX_SIDE_PX = 1600
_JPEG_QUALITY = 85


def preview(data: bytes) -> bytes:
    """Return a JPEG of an uploaded picture, in the frame that `box_px` of a result is drawn in.

    Raises:
        ApiError: 415, it is no picture that Uplook accepts; the message says why.
    """
    try:
        picture = open_upright(data, probe(data), max_side_px=MAX_SIDE_PX)
    except ImageRejectedError as error:
        raise ApiError(415, error.message) from error
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()
