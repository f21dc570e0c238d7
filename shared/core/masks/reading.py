"""Masks from whatever a model sent in their place: the value decides, never the model's name.

Seen so far: a PNG in base64 that fills the box, polygons in several spellings, codebook tokens that no public
decoder reads, placeholders, lists of booleans, endless base64. What cannot be read leaves the box as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.masks.allowance import MaskAllowance
from shared.core.masks.bits import area
from shared.core.masks.png_fitting import MaskPlace, MaskWish, read_png
from shared.core.masks.png_reading import is_png_text
from shared.core.masks.polygon import bounds, draw, is_polygon_text, read_polygon
from shared.core.masks.refused import MaskRefusedError
from shared.core.values import Mask

if TYPE_CHECKING:
    from shared.core.values import Box1000, BoxPx

__all__ = ["MaskWish", "bounds_of_polygon", "read_mask"]

_CODEBOOK_MARKS = ("<start_of_mask>", "<seg")  # <start_of_mask><seg_35><seg_65>…
_LOOP_LENGTH = 200
_EXCERPT = 40


def read_mask(
    value: Any,
    *,
    box: Box1000 | None,
    box_px: BoxPx | None,
    width: int,
    height: int,
    allowance: MaskAllowance | None = None,
    wish: MaskWish | None = None,
) -> Mask:
    """The mask inside `box_px`, or `unavailable` with the reason; never raises.

    `width` and `height` are those of the upright image, `box` and `box_px` the same box in both units. `allowance` is
    what all masks of one answer share; without one, the mask has an answer's whole allowance to itself.
    """
    if value is None:
        return Mask("unavailable", box_px=box_px, reason="no mask in the answer")
    if box is None or box_px is None:
        return Mask("unavailable", box_px=box_px, reason="a mask without a box has no place in the image")
    try:
        return _read(value, MaskPlace(box, box_px, (width, height)), allowance or MaskAllowance(), wish or MaskWish())
    except MaskRefusedError as refusal:
        return Mask("unavailable", box_px=box_px, reason=str(refusal))


def bounds_of_polygon(value: Any) -> tuple[float, float, float, float] | None:
    """The four sides of the box around a mask that is a polygon, as its numbers are; None for any other mask."""
    return bounds(value) if value is not None and _is_polygon(value) else None


def _read(value: Any, place: MaskPlace, allowance: MaskAllowance, wish: MaskWish) -> Mask:
    if isinstance(value, str) and is_png_text(value):
        allowance.start(place.box_px)
        png = read_png(value, place, allowance=allowance, wish=wish)
        return _kept(
            Mask("ok", "png", place.box_px, fit=png.fit, notes=png.notes, bitmap=png.bitmap, soft=png.soft), allowance
        )
    if not _is_polygon(value):
        raise MaskRefusedError(_describe(value))
    allowance.start(place.box_px)
    polygon = read_polygon(value, place.box, size=place.size)
    bitmap = draw(polygon, place.box_px, size=place.size, allowance=allowance)
    return _kept(Mask("ok", "polygon", place.box_px, fit=polygon.fit, notes=polygon.notes, bitmap=bitmap), allowance)


def _kept(mask: Mask, allowance: MaskAllowance) -> Mask:
    area_px = area(mask.bitmap)
    if not area_px:
        raise MaskRefusedError(f"the {mask.source} mask covers no pixel of its box")
    allowance.keep(len(mask.bitmap), soft_pixels=len(mask.soft))
    return replace(mask, area_px=area_px)


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
