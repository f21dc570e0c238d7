"""Masks as answers hold them, and one box to read them in."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from shared.core.geometry import to_pixels
from shared.core.masks.reading import read_mask

if TYPE_CHECKING:
    from PIL import Image

    from shared.core.values import Box1000, Mask

BOX = (100, 200, 300, 600)  # 200 high, 400 wide
CENTRE = [[300, 150], [500, 150], [500, 250], [300, 250]]  # x, y: the inner quarter of BOX


def mask_of(value: Any, box: Box1000 | None = BOX) -> Mask:
    box_px = to_pixels(box, width=1000, height=1000) if box else None
    return read_mask(value, box=box, box_px=box_px, width=1000, height=1000)


def png(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", **options)
    return out.getvalue()


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
