"""Cuts each object out of the picture: as JPEG, or as PNG with the mask as its alpha channel where there is a mask.

Memory and time are bounded by data, whatever the answer holds: so many crops of so many pixels, cut from so many.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from shared.core.overlays.drawing import coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from shared.core.values import BoxPx, Item

MAX_CROPS: Final = 25
"""Of one answer: as many as a model is asked for if nobody says."""

MAX_SIDE_PX: Final = 512
"""Of the longer side of a crop. Twenty-five of them with alpha take 26 MB before they are packed."""

MAX_SOURCE_PIXELS: Final = 100_000_000
"""Of the picture, read for all crops of an answer: a third of a second of one core, and one more to pack twenty-five
of them with alpha, also where every box is the whole picture."""

_QUALITY: Final = 90
_PNG_LEVEL: Final = 3  # of photographs: a quarter of the time of level 6, files 9 % larger


@dataclass(frozen=True, slots=True)
class Crop:
    """One object as a picture, of at most `MAX_SIDE_PX` on its longer side, never enlarged."""

    data: bytes
    content_type: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Crops:
    """Crops by the index of their item, and warnings about those that were left out."""

    by_index: dict[int, Crop]
    warnings: tuple[str, ...] = ()


def cut(picture: Image.Image, items: Sequence[Item], *, width: int, height: int) -> Crops:
    """Return the crops of the usable items, in the order of the answer, as far as the bounds allow.

    `picture` is RGB and upright; `width` and `height` are those of the full upright image, in whose pixels the boxes
    and masks are given. The same input gives the same bytes.
    """
    usable = [item for item in items if item.status == "ok" and item.box_px is not None]
    scale = picture.width / width, picture.height / height
    by_index: dict[int, Crop] = {}
    left = MAX_SOURCE_PIXELS
    for item in usable[:MAX_CROPS]:
        place = _scaled(item.box_px or (0, 0, 0, 0), scale)
        pixels = round((place[2] - place[0]) * (place[3] - place[1]))
        if pixels <= left:
            left -= pixels
            by_index[item.index] = _crop(picture, item, place)
    if len(by_index) == len(usable):
        return Crops(by_index)
    return Crops(by_index, (f"crops were made of {len(by_index)} of {len(usable)} objects: there may not be more",))


def _scaled(box: BoxPx, scale: tuple[float, float]) -> tuple[float, float, float, float]:
    return box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]


def _crop(picture: Image.Image, item: Item, place: tuple[float, float, float, float]) -> Crop:
    from PIL import Image

    wide, high = place[2] - place[0], place[3] - place[1]
    shrink = min(1.0, MAX_SIDE_PX / max(wide, high))
    size = max(1, round(wide * shrink)), max(1, round(high * shrink))
    cropped = picture.resize(size, Image.Resampling.BOX, box=place)
    out = BytesIO()
    mask = item.mask
    if mask is None or mask.status != "ok" or mask.box_px is None:
        cropped.save(out, "JPEG", quality=_QUALITY, icc_profile=b"", comment=b"")
        return Crop(out.getvalue(), "image/jpeg", "jpg")
    x0, y0, x1, y1 = mask.box_px
    cropped.putalpha(coverage(mask.bitmap, (x1 - x0, y1 - y0), to=size))
    cropped.save(out, "PNG", compress_level=_PNG_LEVEL)
    return Crop(out.getvalue(), "image/png", "png")
