"""Pictures to upload: each unlike any other, all of one size."""

from __future__ import annotations

import io
import random
from typing import Final

from PIL import Image, ImageDraw

SIZE_PX: Final = (240, 180)
"""Small: what is loaded is the product, not the eyes of the emulator."""
_MARGIN_PX: Final = 10


def picture(number: int) -> bytes:
    """Return a JPEG of some shapes on a light ground; the number decides where they are, and of which colour."""
    lots = random.Random(number)  # noqa: S311 - no secret
    image = Image.new("RGB", SIZE_PX, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = (lots.randint(_MARGIN_PX, side // 2) for side in SIZE_PX)
        colour = tuple(lots.randint(0, 200) for _ in range(3))
        draw.ellipse((left, top, left + lots.randint(30, 90), top + lots.randint(30, 70)), fill=colour)
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=90, comment=f"picture {number}".encode())
    return sink.getvalue()
