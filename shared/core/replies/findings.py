"""What an answer means for one image: items in pixels with their masks, and a status for the whole.

Nothing is dropped in silence: an entry that cannot be used stays an item and says why, everything that had to be
changed is a note on its item and counted in a warning, and so is what was left out because it came twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from shared.core.geometry import to_pixels, to_stored
from shared.core.masks.allowance import MaskAllowance
from shared.core.masks.reading import MaskWish, bounds_of_polygon, read_mask
from shared.core.replies.box_spellings import read_sides
from shared.core.replies.lines import with_text
from shared.core.replies.parsing import parse_items
from shared.core.replies.repeats import Listing, Sighting, one_each
from shared.core.replies.scale import BoxReading, Scale, scale_of, to_thousandths
from shared.core.replies.status import Seen, status_of, warnings_of
from shared.core.replies.texts import clean_label
from shared.core.values import MAX_ITEMS, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.core.replies.items import RawItem
    from shared.core.replies.parsing import ItemsReply, RawList
    from shared.core.values import Box1000, ImageInfo


@dataclass(frozen=True, slots=True)
class Findings:
    """All items of an answer; `failed` means that nothing of it can be used, `empty` that it says there is nothing."""

    items: tuple[Item, ...]
    status: Literal["ok", "empty", "partial", "failed"]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What holds for all items of one answer: its scale, its image, and the labels that were given, cleaned."""

    scale: Scale
    info: ImageInfo
    given: Mapping[str, str]


def find_items(
    text: str,
    *,
    info: ImageInfo,
    masks: MaskWish | bool,
    max_items: int,
    limited: bool = True,
    labels: Sequence[str] = (),
    texts: bool = False,
) -> Findings:
    """Every object of the answer once, in both pixel frames; with `masks`, each has a mask or the reason for none.

    `max_items` were asked for, and are a limit if `limited`: what was paid for beyond is kept otherwise. `labels` are
    those that were given, if any; another one is noted. With `texts`, items are lines of text.
    """
    reply = parse_items(text)
    if not reply.readable:
        return Findings((), "failed", _unreadable(reply))
    objects = one_each([_listing(each) for each in reply.lists])
    boxes = [each.numbers for each in objects.sightings if each.numbers]
    taken = objects.sightings[: min(max_items, MAX_ITEMS) if limited else MAX_ITEMS]
    frame = _Frame(
        scale_of(boxes, width=info.width, height=info.height), info, {clean_label(each): each for each in labels}
    )
    items = _mark_twins([_item(index, each.raw, frame) for index, each in enumerate(taken)])
    if texts:
        items = with_text(items, [each.raw for each in taken], text)
    if masks:
        items = _with_masks(items, [each.raw for each in taken], info, MaskWish() if masks is True else masks)
    seen = Seen(reply, objects, capped=reply.capped or len(objects.sightings) > len(taken))
    status, reason = status_of(items, seen)
    return Findings(tuple(items), status, reason, warnings_of(items, seen, asked=max_items))


def _unreadable(reply: ItemsReply) -> str:
    if reply.truncated:
        return "unreadable: the answer is cut off before its first complete item"
    return "unreadable: expected a JSON list of items, found none in the answer"


def _listing(listed: RawList) -> Listing:
    return Listing(tuple(Sighting(raw, _numbers(raw)) for raw in listed.items), listed.before)


def _numbers(raw: RawItem) -> tuple[float, float, float, float] | None:
    """The four numbers of an item's box, or of the box around its polygon."""
    return (read_sides(raw.box).numbers if raw.box is not None else None) or bounds_of_polygon(raw.mask)


def _item(index: int, raw: RawItem, frame: _Frame) -> Item:
    label, info = raw.label or "", frame.info
    reading = _box(raw, frame.scale)
    notes = raw.notes + reading.notes
    if reading.box is None:
        return Item(index, label, "unusable", reading.reason, notes=notes)
    if not label:
        notes += ("no_label",)
    elif frame.given and label not in frame.given:
        notes += ("label_not_given",)
    box_px = to_pixels(reading.box, width=info.width, height=info.height)
    return Item(
        index,
        frame.given.get(label, label),
        box_2d=reading.box,
        box_px=box_px,
        box_px_stored=to_stored(box_px, width=info.width, height=info.height, orientation=info.orientation),
        notes=notes,
    )


def _box(raw: RawItem, scale: Scale) -> BoxReading:
    sides = read_sides(raw.box) if raw.box is not None else None
    reading = BoxReading(None, raw.reason or (sides.reason if sides else None) or _why_no_box(raw))
    if sides and sides.numbers:
        settled = to_thousandths(sides.numbers, scale)
        reading = replace(settled, notes=sides.notes + settled.notes)
    around = None if reading.box else bounds_of_polygon(raw.mask)
    if around is None:
        return reading
    settled = to_thousandths(around, scale)
    return replace(settled, notes=(*reading.notes, *settled.notes, "box_from_mask")) if settled.box else reading


def _why_no_box(raw: RawItem) -> str:
    return "expected a box, found a point" if raw.point is not None else "no box in the answer"


def _mark_twins(items: Sequence[Item]) -> list[Item]:
    """Models give one box to two labels on purpose: both stay, the later one says so."""
    first: dict[Box1000, Item] = {}
    marked = []
    for item in items:
        twin = first.setdefault(item.box_2d, item) if item.box_2d else item
        marked.append(item if twin is item else replace(item, notes=(*item.notes, f"same box as item {twin.index}")))
    return marked


def _with_masks(items: Iterable[Item], raws: Iterable[RawItem], info: ImageInfo, wish: MaskWish) -> list[Item]:
    allowance = MaskAllowance()
    masked = []
    for item, raw in zip(items, raws, strict=True):
        mask = read_mask(
            raw.mask,
            box=item.box_2d,
            box_px=item.box_px,
            width=info.width,
            height=info.height,
            allowance=allowance,
            wish=wish,
        )
        masked.append(replace(item, mask=mask, notes=item.notes + mask.notes))
    return masked
