"""What is said about an answer as a whole: its status with the reason, and the warnings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shared.core.replies.free_text import REWRITTEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.replies.parsing import ItemsReply
    from shared.core.replies.repeats import Objects
    from shared.core.values import Item

_NOTES = {
    "clamped": "a box reached beyond 0-1000 and was clamped",
    "reordered": "a box had its corners in reverse and was put in order",
    "fractions": "a box was given in fractions of one and was scaled",
    "other_box_key": "a box stood under another name than box_2d",
    "box_as_text": "a box was a text and was read as its four numbers",
    "box_from_size": "a box was given by a corner and its size",
    "box_from_mask": "a box was missing and was taken from the polygon",
    "several_boxes": "an entry held several boxes: each is an item",
    "row": "an entry was a row of a box and a label",
    "no_label": "an item has no label",
    "label_cut": "a label was too long and was cut",
    "other_label_key": "a label stood under another name than label",
    "label_above": "a label stood above its box and not beside it",
    "label_is_key": "a label was the key of its box",
    "label_of_several": "a label was a list; its first entry counts",
    "label_not_given": "a label is none of those that were given",
    "repeated_keys": "an object repeated a key; the last value counts",
    "mask_for_several": "a mask stood beside several boxes and was left out",
    "polygon_clamped": "a polygon reached beyond 0-1000 and was clamped",
    "polygon_yx": "a polygon was read as [y, x], which fits its box better",
    "polygon_in_box": "a polygon was read as relative to its box, which fits it better",
    "polygon_fractions": "a polygon was given in fractions of one and was scaled",
    "png_of_image": "a mask was a picture of the whole image; the part inside of its box counts",
    "soft_mask_left_out": "a map of probabilities was left out: the maps of one answer may not take more memory",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer before and after its repeats were taken out; `capped` says that it holds more than was taken."""

    reply: ItemsReply
    objects: Objects
    capped: bool


def status_of(items: Sequence[Item], seen: Seen) -> tuple[Literal["ok", "empty", "partial", "failed"], str | None]:
    """Return the status of a readable answer, and the reason for anything but `ok`."""
    usable = [item for item in items if item.status == "ok"]
    if items and not usable:
        return "failed", f"unusable: none of {len(items)} items can be used: {items[0].reason}"
    maskless = sum(item.mask is not None and item.mask.status == "unavailable" for item in usable)
    reasons = {
        "the answer is cut off: only complete items count": seen.reply.truncated,
        f"{seen.reply.lost} entries of the answer are broken JSON": seen.reply.lost,
        "the answer repeats itself in a loop: what it would have said next is not known": seen.objects.loop,
        f"the answer holds more than the {len(items)} items taken": seen.capped,
        f"{len(items) - len(usable)} of {len(items)} items are unusable": len(items) > len(usable),
        f"{maskless} of {len(usable)} usable items have no mask": maskless,
    }
    holding = [reason for reason, holds in reasons.items() if holds]
    if holding:
        return "partial", "; ".join(holding)
    return ("ok", None) if items else ("empty", "the model found nothing")


def warnings_of(items: Sequence[Item], seen: Seen, *, asked: int) -> tuple[str, ...]:
    """Return what was changed and what was left out, each kind once with its count."""
    notes = Counter(note for item in items for note in item.notes)
    reasons = Counter(item.reason for item in items if item.reason)
    reasons.update(item.mask.reason for item in items if item.mask and item.mask.reason)
    return (
        *(f"{_NOTES[note]} ({count}x)" for note, count in notes.items() if note in _NOTES),
        *(fact for fact, holds in _facts(items, seen, notes, asked).items() if holds),
        *(f"{reason} ({count}x)" for reason, count in reasons.items()),
    )


def _facts(items: Sequence[Item], seen: Seen, notes: Counter[str], asked: int) -> dict[str, bool]:
    objects = seen.objects
    return {
        REWRITTEN: seen.reply.rewritten,
        _NOTES["repeated_keys"]: seen.reply.repeated_keys and not notes["repeated_keys"],
        f"the answer holds the same list more than once ({objects.doubled}x)": objects.doubled > 0,
        f"the answer holds an earlier list, which a later one replaces ({objects.drafts}x)": objects.drafts > 0,
        f"an object came again with the same label and nearly the same box ({objects.repeats}x)": objects.repeats > 0,
        f"the answer holds {len(items)} items, {asked} were asked for: all of them are kept": len(items) > asked,
    }
