"""Masks from whatever a model sent in their place: the value decides, never the model's name.

Seen so far: a PNG in base64 that fills the box, polygons in several spellings, codebook tokens that no public
decoder reads, placeholders, lists of booleans, endless base64. What cannot be read leaves the box as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from shared.core._mask_png import is_png_text, read_png
from shared.core._mask_polygon import draw, is_polygon_text, read_polygon
from shared.core._mask_refused import MaskRefusedError
from shared.core.model import Mask

if TYPE_CHECKING:
    from shared.core.model import Box1000, BoxPx

_CODEBOOK_MARKS = ("<start_of_mask>", "<seg")  # <start_of_mask><seg_35><seg_65>…
_LOOP_LENGTH = 200
_EXCERPT = 40


def read_mask(value: Any, *, box: Box1000 | None, box_px: BoxPx | None, width: int, height: int) -> Mask:
    """The mask inside `box_px`, or `unavailable` with the reason; never raises.

    `width` and `height` are those of the upright image, `box` and `box_px` the same box in both units.
    """
    try:
        return _read(value, box=box, box_px=box_px, width=width, height=height)
    except MaskRefusedError as refusal:
        return Mask("unavailable", box_px=box_px, reason=str(refusal))


def box_of_polygon(value: Any) -> Box1000 | None:
    """The box around a mask that is a polygon, for items that have no box of their own."""
    if not _is_polygon(value):
        return None
    try:
        return read_polygon(value, None).bounds
    except MaskRefusedError:
        return None


def _read(value: Any, *, box: Box1000 | None, box_px: BoxPx | None, width: int, height: int) -> Mask:
    if value is None:
        raise MaskRefusedError("no mask in the answer")
    if box is None or box_px is None:
        raise MaskRefusedError("a mask without a box has no place in the image")
    x0, y0, x1, y1 = box_px
    if isinstance(value, str) and is_png_text(value):
        return _mask(read_png(value, width=x1 - x0, height=y1 - y0), "png", box_px, ())
    if not _is_polygon(value):
        raise MaskRefusedError(_describe(value))
    polygon = read_polygon(value, box)
    return _mask(draw(polygon, box_px, width=width, height=height), "polygon", box_px, polygon.notes)


def _mask(bitmap: bytes, source: Literal["png", "polygon"], box_px: BoxPx, notes: tuple[str, ...]) -> Mask:
    area = bitmap.count(b"\xff")
    if not area:
        raise MaskRefusedError(f"the {source} mask covers no pixel of its box")
    return Mask("ok", source, box_px=box_px, area_px=area, notes=notes, bitmap=bitmap)


def _is_polygon(value: Any) -> bool:
    return is_polygon_text(value) if isinstance(value, str) else isinstance(value, (list, Mapping))


def _describe(value: Any) -> str:
    if not isinstance(value, str):
        return "expected a mask, found a single value"
    if any(mark in value for mark in _CODEBOOK_MARKS):
        return "segmentation tokens: the codebook that decodes them is not public"
    if len(value) > _LOOP_LENGTH:
        return f"expected a mask, found {len(value)} characters of other text (a loop of the model?)"
    return f"expected a mask, found a placeholder: {value[:_EXCERPT]!a}"
