"""What an answer means for one image: items in pixels with their masks, and a status for the whole.

Nothing is dropped in silence: an entry that cannot be used stays an item and says why, everything that had to be
changed is a note on its item and counted in a warning.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from shared.core.geometry import read_box, to_pixels, to_stored
from shared.core.masks.budget import Budget
from shared.core.masks.reading import box_of_polygon, read_mask
from shared.core.replies.parsing import parse_items
from shared.core.values import Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.core.geometry import BoxReading
    from shared.core.replies.parsing import ItemsReply, RawItem
    from shared.core.values import Box1000, ImageInfo

_WARNINGS = {
    "clamped": "a box reached beyond 0-1000 and was clamped",
    "reordered": "a box had its corners in reverse and was put in order",
    "fractions": "a box was given in fractions of one and was scaled",
    "other_box_key": "a box stood under another name than box_2d",
    "box_from_mask": "a box was missing and was taken from the polygon",
    "label_cut": "a label was too long and was cut",
    "repeated_keys": "an object repeated a key; the last value counts",
    "polygon_clamped": "a polygon reached beyond 0-1000 and was clamped",
    "polygon_yx": "a polygon was read as [y, x], which fits its box better",
    "polygon_in_box": "a polygon was read as relative to its box, which fits it better",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """All items of an answer; `failed` means that it could not be read, `empty` that it says there is nothing."""

    items: tuple[Item, ...]
    status: Literal["ok", "empty", "partial", "failed"]
    reason: str | None = None
    warnings: tuple[str, ...] = ()


def find_items(text: str, *, info: ImageInfo, masks: bool, max_items: int) -> Findings:
    """Every item of the answer in both pixel frames; with `masks`, each item has a mask or the reason for none."""
    reply = parse_items(text, max_items=max_items)
    if not reply.readable:
        return Findings((), "failed", _unreadable(reply))
    items = _mark_repeats([_item(index, raw, info) for index, raw in enumerate(reply.items)])
    if masks:
        items = _with_masks(items, reply.items, info)
    status, reason = _status(items, reply)
    return Findings(tuple(items), status, reason, tuple(_warnings(items, reply)))


def _unreadable(reply: ItemsReply) -> str:
    if reply.truncated:
        return "unreadable: the answer is cut off before its first complete item"
    return "unreadable: expected a JSON list of items, found none in the answer"


def _item(index: int, raw: RawItem, info: ImageInfo) -> Item:
    label = raw.label or ""
    reading = read_box(raw.box) if raw.box is not None else None
    box, notes = _box(raw, reading)
    if box is None:
        return Item(index, label, "unusable", _why_no_box(raw, reading), notes=notes)
    box_px = to_pixels(box, width=info.width, height=info.height)
    stored = to_stored(box_px, width=info.width, height=info.height, orientation=info.orientation)
    return Item(index, label, box_2d=box, box_px=box_px, box_px_stored=stored, notes=notes)


def _box(raw: RawItem, reading: BoxReading | None) -> tuple[Box1000 | None, tuple[str, ...]]:
    notes = raw.notes + (reading.notes if reading else ())
    if reading and reading.box:
        return reading.box, notes
    box = box_of_polygon(raw.mask)
    return box, (*notes, "box_from_mask") if box else notes


def _why_no_box(raw: RawItem, reading: BoxReading | None) -> str:
    if raw.reason or reading:
        return raw.reason or (reading.reason if reading else None) or ""
    return "expected a box, found a point" if raw.point is not None else "no box in the answer"


def _mark_repeats(items: Sequence[Item]) -> list[Item]:
    """Models give one box to two labels on purpose: both stay, the later one says so."""
    first: dict[Box1000, Item] = {}
    marked = []
    for item in items:
        twin = first.setdefault(item.box_2d, item) if item.box_2d else item
        what = "repeats" if twin.label == item.label else "same box as"
        marked.append(item if twin is item else replace(item, notes=(*item.notes, f"{what} item {twin.index}")))
    return marked


def _with_masks(items: Iterable[Item], raws: Iterable[RawItem], info: ImageInfo) -> list[Item]:
    budget = Budget()
    masked = []
    for item, raw in zip(items, raws, strict=True):
        mask = read_mask(
            raw.mask, box=item.box_2d, box_px=item.box_px, width=info.width, height=info.height, budget=budget
        )
        masked.append(replace(item, mask=mask, notes=item.notes + mask.notes))
    return masked


def _status(items: Sequence[Item], reply: ItemsReply) -> tuple[Literal["ok", "empty", "partial"], str | None]:
    usable = [item for item in items if item.status == "ok"]
    maskless = sum(item.mask is not None and item.mask.status == "unavailable" for item in usable)
    reasons = {
        "the answer is cut off: only complete items count": reply.truncated,
        f"{reply.lost} entries of the answer are broken JSON": reply.lost,
        f"the answer holds more than the {len(items)} items taken": reply.capped,
        f"{len(items) - len(usable)} of {len(items)} items are unusable": len(items) > len(usable),
        f"{maskless} of {len(usable)} usable items have no mask": maskless,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found:
        return "partial", "; ".join(found)
    return ("ok", None) if items else ("empty", "the model found nothing")


def _warnings(items: Sequence[Item], reply: ItemsReply) -> list[str]:
    notes = Counter(note for item in items for note in item.notes)
    warnings = [f"{_WARNINGS[note]} ({count}x)" for note, count in notes.items() if note in _WARNINGS]
    if reply.repeated_keys and not notes["repeated_keys"]:
        warnings.append(_WARNINGS["repeated_keys"])
    reasons = Counter(item.reason for item in items if item.reason)
    reasons.update(item.mask.reason for item in items if item.mask and item.mask.reason)
    return warnings + [f"{reason} ({count}x)" for reason, count in reasons.items()]
