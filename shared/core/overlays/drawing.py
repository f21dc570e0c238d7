"""Draws boxes, masks and labels over a picture, for a person to see at a glance what the model found.

A mask is pasted through its own crop at the picture's scale, so that memory and time follow the size of the
picture and of the things in it, never their number times the size of the upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING, Final

from shared.core.masks.bits import row_bytes
from shared.core.overlays.text import drawable_label
from shared.core.overlays.typesetting import set_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from PIL import Image, ImageDraw

    from shared.core.masks.bits import Bits
    from shared.core.values import BoxPx, Item, Mask


Colour = tuple[int, int, int]

COLOURS: Final[tuple[Colour, ...]] = (
    (225, 60, 0),
    (0, 240, 255),
    (255, 225, 0),
    (0, 0, 255),
    (0, 255, 165),
    (255, 90, 165),
    (135, 30, 60),
    (120, 105, 255),
    (195, 210, 90),
    (30, 75, 150),
    (135, 165, 255),
    (240, 75, 90),
)
"""Colours at least 25 apart in CIELAB (dE 1976), also as people with protanopia or deuteranopia see them."""

_BLACK: Final[Colour] = (0, 0, 0)
_WHITE: Final[Colour] = (255, 255, 255)
_MASK_ALPHA: Final = 110
_EDGE_ALPHA: Final = 230
_EDGE_RISE: Final = 16
"""By how much a mask must stand out from its blur to count as edge; less is the rounding of the blur."""
_QUALITY: Final = 88
_MAX_ICC_BYTES: Final = 65_536
_LINE_PER_SIDE: Final = 1 / 450
_TEXT_PER_SIDE: Final = 1 / 56
_TEXT_PER_SHORT_SIDE: Final = 1 / 4
_MIN_TEXT: Final = 9
_LONG: Final = 8
"""How many times longer than wide a picture is whose labels may fill its short side; in an icon they would hide it."""
_WIDEST_TAG: Final = 0.4
_WIDTH_OF_ALL_TAGS: Final = 5
_NARROWEST_TAG_EM: Final = 5
_BAND_PIXELS: Final = 1 << 21
"""Of the mask, unpacked at once: one byte each."""
_TAG_STEPS: Final = 8
_EQUAL_CONTRAST: Final = 0.179
"""Relative luminance at which black and white text stand out equally (WCAG 2)."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The map from the upright image to the picture, and the sizes that follow from the picture and its items."""

    width: int
    height: int
    scale_x: float
    scale_y: float
    items: int

    @property
    def line(self) -> int:
        return max(1, round(max(self.width, self.height) * _LINE_PER_SIDE))

    @property
    def text(self) -> int:
        """The size of labels, px per em: it follows the long side, as far as the short one has room for a line."""
        longest, shortest = max(self.width, self.height), min(self.width, self.height)
        return max(_MIN_TEXT, min(round(longest * _TEXT_PER_SIDE), round(shortest * _TEXT_PER_SHORT_SIDE)))

    def widest_tag(self, box: BoxPx) -> int:
        """Return how wide the tag of `box` (picture) may be: as its box, or a share that shrinks in a crowd."""
        share = min(_WIDEST_TAG, _WIDTH_OF_ALL_TAGS / max(self.items, 1))
        return min(self.width, max(box[2] - box[0], round(self.width * share), self.text * _NARROWEST_TAG_EM))

    def box(self, box: BoxPx) -> BoxPx:
        """Return `box` of the upright image in pixels of the picture, at least one pixel wide and high."""
        x0 = min(int(box[0] * self.scale_x), self.width - 1)
        y0 = min(int(box[1] * self.scale_y), self.height - 1)
        x1 = min(round(box[2] * self.scale_x), self.width)
        y1 = min(round(box[3] * self.scale_y), self.height)
        return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def colour_of(index: int) -> Colour:
    """Return the colour of the item `index`; it repeats after `len(COLOURS)` items."""
    return COLOURS[index % len(COLOURS)]


def draw_overlay(picture: Image.Image, items: Sequence[Item], *, width: int, height: int) -> bytes:
    """Return `picture` as JPEG with every usable item drawn on it; the same input gives the same bytes.

    `picture` is RGB and upright; `width` and `height` are those of the full upright image, in whose pixels
    the boxes and masks are given. Its ICC profile is kept, unless it is too long to be one of a display.
    """
    from PIL import ImageDraw

    canvas = picture.convert("RGB")
    frame = _Frame(canvas.width, canvas.height, canvas.width / width, canvas.height / height, len(items))
    usable = [(item, frame.box(item.box_px)) for item in items if item.status == "ok" and item.box_px]
    for item, _ in sorted(usable, key=lambda pair: -_area(pair[1])):
        if item.mask and item.mask.status == "ok" and item.mask.box_px:
            _paint_mask(canvas, item.mask, frame.box(item.mask.box_px), colour=colour_of(item.index), line=frame.line)
    draw = ImageDraw.Draw(canvas)
    for item, box in usable:
        _draw_box(draw, box, colour_of(item.index), frame.line)
    _draw_tags(canvas, usable, frame)
    return _jpeg(canvas, picture.info.get("icc_profile") or b"")


def _is_long(picture: Image.Image) -> bool:
    return max(picture.size) > _LONG * min(picture.size)


def _paint_mask(canvas: Image.Image, mask: Mask, box: BoxPx, *, colour: Colour, line: int) -> None:
    """Lay `colour` over the mask, see-through inside and solid along its edge."""
    from PIL import ImageChops, ImageFilter

    x0, y0, x1, y1 = mask.box_px or box
    crop = coverage(mask.bitmap, (x1 - x0, y1 - y0), to=(box[2] - box[0], box[3] - box[1]))
    rise = ImageChops.subtract(crop, crop.filter(ImageFilter.BoxBlur(line)))
    inside = crop.point([value * _MASK_ALPHA // 255 for value in range(256)])
    edge = rise.point([_EDGE_ALPHA if value > _EDGE_RISE else 0 for value in range(256)])
    canvas.paste(colour, box, ImageChops.lighter(inside, edge))


def _draw_box(draw: ImageDraw.ImageDraw, box: BoxPx, colour: Colour, line: int) -> None:
    """Draw a line inside `box`, with an edge in the text's colour where the line is wide enough to keep its own."""
    x0, y0, x1, y1 = box
    if line > 1:
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=_text_on(colour), width=line + 1)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=colour, width=line)


def _draw_tags(canvas: Image.Image, usable: Iterable[tuple[Item, BoxPx]], frame: _Frame) -> None:
    taken: list[BoxPx] = []
    for item, box in usable:
        tag = _tag(drawable_label(item.label) or f"#{item.index}", colour_of(item.index), frame, box)
        if tag.height <= (frame.height if _is_long(canvas) else frame.height // 2):
            place = place_tag(box, tag.size, picture=canvas.size, taken=taken)
            canvas.paste(tag, place)
            taken.append(place)


def _tag(text: str, colour: Colour, frame: _Frame, box: BoxPx) -> Image.Image:
    """Return the label on a ground of `colour`; marks piled higher or lower than a line are cut off."""
    from PIL import Image

    size = frame.text
    pad = max(2, size // 4)
    line = set_line(shortened(text, size=size, max_width=frame.widest_tag(box) - 2 * pad), size=size)
    above = min(max(line.top, round(size * 0.8)), round(size * 1.25))
    below = min(max(line.ink.height - line.top, round(size * 0.25)), round(size * 0.6))
    tag = Image.new("RGB", (min(line.advance + 2 * pad, frame.width), above + below + pad), colour)
    tag.paste(_text_on(colour), (pad + line.left, above + pad // 2 - line.top), line.ink)
    return tag


def _text_on(colour: Colour) -> Colour:
    """Return black or white, whichever stands out more on `colour`."""
    red, green, blue = (((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in colour)
    return _BLACK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _EQUAL_CONTRAST else _WHITE


def _area(box: BoxPx) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _jpeg(canvas: Image.Image, icc_profile: bytes) -> bytes:
    out = BytesIO()
    kept = icc_profile if len(icc_profile) <= _MAX_ICC_BYTES else b""
    # 4:4:4, because thin coloured lines and small text lose their colour in half resolution
    canvas.save(out, "JPEG", quality=_QUALITY, subsampling=0, icc_profile=kept, comment=b"")
    return out.getvalue()


def coverage(bitmap: bytes, size: tuple[int, int], *, to: tuple[int, int]) -> Image.Image:
    """Return how much of each pixel of a picture of size `to` the packed mask of `size` covers: 0 to 255."""
    import numpy as np
    from PIL import Image

    width, height = size
    bits = np.frombuffer(bitmap, dtype=np.uint8).reshape(height, row_bytes(width))
    scaled = Image.new("L", to)
    rows = max(1, _BAND_PIXELS // width * to[1] // height)
    for top in range(0, to[1], rows):
        bottom = min(top + rows, to[1])
        between = top * height / to[1], bottom * height / to[1]
        scaled.paste(_band(bits, width, between, to=(to[0], bottom - top)), (0, top))
    return scaled


def _band(bits: Bits, width: int, between: tuple[float, float], *, to: tuple[int, int]) -> Image.Image:
    """Return the rows between two heights, which may lie within a row, scaled."""
    import numpy as np
    from PIL import Image

    top, bottom = between
    first, last = int(top), min(ceil(bottom), len(bits))
    pixels = np.unpackbits(bits[first:last], axis=1, count=width)
    np.negative(pixels, out=pixels)  # 1 becomes 255
    box = (0, top - first, width, min(bottom - first, last - first))
    return Image.fromarray(pixels).resize(to, Image.Resampling.BOX, box=box)


def place_tag(box: BoxPx, size: tuple[int, int], *, picture: tuple[int, int], taken: Sequence[BoxPx]) -> BoxPx:
    """Return where a tag of `size` goes: the first free place, else the one that covers the least of `taken`."""
    best, least = None, 0
    for place in _candidates(box, size, picture):
        covered = sum(_overlap(place, other) for other in taken)
        if not covered:
            return place
        if best is None or covered < least:
            best, least = place, covered
    return best or (0, 0, *size)


def _candidates(box: BoxPx, size: tuple[int, int], picture: tuple[int, int]) -> Iterator[BoxPx]:
    """Yield above, inside the top, below and inside the bottom of `box`, at its left and right, then downwards."""
    x0, y0, x1, y1 = box
    width, height = size
    for y in (y0 - height, y0, y1, y1 - height, *(y0 + step * height for step in range(1, _TAG_STEPS))):
        for x in (x0, x1 - width):
            left = max(0, min(x, picture[0] - width))
            top = max(0, min(y, picture[1] - height))
            yield left, top, left + width, top + height


def _overlap(one: BoxPx, other: BoxPx) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)
