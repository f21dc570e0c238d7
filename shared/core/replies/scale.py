"""The scale of an answer: one for all of its boxes, decided from all of them, never box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shared.core.geometry import SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.replies.box_spellings import Numbers
    from shared.core.values import Box1000

Scale = Literal["thousandths", "fractions", "pixels"]

OVERSHOOT = 0.05
"""By how much of the image a box may reach beyond it: a slip, which is clamped. Anything farther is another scale."""


@dataclass(frozen=True, slots=True)
class BoxReading:
    """A box, or the reason why there is none; `notes` name what had to be done to it."""

    box: Box1000 | None
    reason: str | None = None
    notes: tuple[str, ...] = ()


def scale_of(boxes: Sequence[Numbers], *, width: int, height: int) -> Scale:
    """The one scale that all boxes of an answer are in; `width` and `height` are those of the upright image.

    Fractions are evident: all numbers lie within 0-1, and not all are whole. One box that lies far outside of 0-1000
    and inside of the image's pixels shows that no box is in thousandths; one that is in neither says nothing about
    the others.
    """
    if boxes and all(_inside(box, 1) for box in boxes) and not all(side.is_integer() for box in boxes for side in box):
        return "fractions"
    strays = [box for box in boxes if not _inside(box, SCALE)]
    return "pixels" if any(_in_pixels(box, width=width, height=height) for box in strays) else "thousandths"


def to_thousandths(box: Numbers, scale: Scale) -> BoxReading:
    """A box in 0-1000: rounded, clamped (`clamped`), put in order (`reordered`), scaled (`fractions`).

    Pixels are not converted. The model sees the picture at a size that it does not tell, and answers in pixels come
    in both orders of the axes: such a box would look right, and be wrong.
    """
    if scale == "pixels":
        return BoxReading(None, "a box is given in 0-1000; this answer is in pixels, of a size that is not known")
    if scale == "fractions":
        ymin, xmin, ymax, xmax = (side * SCALE for side in box)
        return _settle((ymin, xmin, ymax, xmax), ("fractions",))
    if not _inside(box, SCALE):
        return BoxReading(None, f"a box is given in 0-1000, this one lies far outside: {_told(box)}")
    if _inside(box, 1) and not all(side.is_integer() for side in box):
        return BoxReading(None, "a box is given in 0-1000 like the others of its answer, this one in fractions of one")
    return _settle(box, ())


def _inside(box: Numbers, most: int) -> bool:
    slack = OVERSHOOT * most
    return all(-slack <= side <= most + slack for side in box)


def _in_pixels(box: Numbers, *, width: int, height: int) -> bool:
    """Whether a box lies in the image when its numbers are pixels, in either order of the axes."""
    reach = 1 + OVERSHOOT / 2
    high, broad, across, down = max(box[0], box[2]), max(box[1], box[3]), width * reach, height * reach
    return min(box) >= 0 and ((high <= down and broad <= across) or (high <= across and broad <= down))


def _settle(box: Numbers, notes: tuple[str, ...]) -> BoxReading:
    inside = [min(max(round(side), 0), SCALE) for side in box]
    if inside != [round(side) for side in box]:
        notes += ("clamped",)
    ymin, xmin, ymax, xmax = inside
    if ymin > ymax or xmin > xmax:
        notes += ("reordered",)
    settled = (min(ymin, ymax), min(xmin, xmax), max(ymin, ymax), max(xmin, xmax))
    if ymin == ymax or xmin == xmax:
        return BoxReading(None, f"a box has an area, this one has none: {list(settled)}", notes)
    return BoxReading(settled, None, notes)


def _told(box: Numbers) -> str:
    return f"[{', '.join(f'{side:g}' for side in box)}]"
