"""From one entry of an answer to raw items: which of its members is the label, which the box, the mask or the point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.core.replies import spellings
from shared.core.replies.box_spellings import names_sides, separate
from shared.core.replies.jsonscan import RepeatedKeys
from shared.core.replies.shape import as_row, is_plain_box, place_of_box
from shared.core.replies.spellings import key_of, plain
from shared.core.replies.texts import MAX_LABEL, clean_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.replies.shape import AnswerEntry

MAX_BOXES = 200
"""Of one entry; more than that under one label is a loop of the model."""

_MAX_DEPTH = 3
_ENCODED = re.compile(r"\s*(?:data:|iVBORw0KGgo|[\[{<])")  # texts that are something else than words


@dataclass(frozen=True, slots=True)
class RawItem:
    """One item as it was sent: the label is clean text, the rest is untouched JSON; None is absent.

    `reason` says why nothing can be made of the entry at all; `entry` is the whole object, where it is one:
    where an item comes from is no part of what it is.
    """

    label: str | None = None
    box: Any = None
    mask: Any = None
    point: Any = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    entry: Mapping[str, Any] | None = field(default=None, compare=False)


def items_of(entry: AnswerEntry) -> Iterator[RawItem]:
    """The items of one entry: one, unless it holds several boxes."""
    value = entry.value
    if isinstance(value, str):
        yield RawItem(label=clean_label(value))
    elif is_plain_box(value):
        yield _labelled(RawItem(box=value), None, entry)
    elif row := as_row(value):
        yield _labelled(RawItem(box=row[0], notes=("row",)), row[1], entry)
    elif isinstance(value, Mapping):
        yield from _of_object(value, entry)
    else:
        yield RawItem(reason="expected an object with a box, found a bare value")


def _of_object(value: Mapping[str, Any], entry: AnswerEntry) -> Iterator[RawItem]:
    place = place_of_box(value)
    boxes = separate(value[place]) if place else [value if names_sides(value) else None]
    many = len(boxes)
    label, note = _label(value, place)
    mask_key, point_key = key_of(value, spellings.MASK), key_of(value, spellings.POINT)
    mask = value[mask_key] if mask_key and mask_key != place else None
    facts = {
        "repeated_keys": isinstance(value, RepeatedKeys),
        "other_box_key": place is not None and place.lower() != "box_2d",
        "several_boxes": many > 1,
        "mask_for_several": many > 1 and mask is not None and not _are_parallel(mask, many),
        note: note != "",
    }
    notes = tuple(fact for fact, holds in facts.items() if holds)
    for index, box in enumerate(boxes[:MAX_BOXES]):
        raw = RawItem(
            box=box,
            mask=_nth(mask, index, many),
            point=value[point_key] if point_key else None,
            notes=notes,
            entry=value,
        )
        yield _labelled(raw, _nth(label, index, many) if isinstance(label, list) else label, entry)


def _are_parallel(values: Any, many: int) -> bool:
    return isinstance(values, list) and len(values) == many


def _nth(values: Any, index: int, many: int) -> Any:
    """What belongs to one of several boxes: its own of a list, or nothing."""
    if many == 1:
        return values
    return values[index] if isinstance(values, list) and index < len(values) else None


def _labelled(raw: RawItem, label: Any, entry: AnswerEntry) -> RawItem:
    """The item with its own label, or with the one that stands above it."""
    text, notes = _text(label)
    if text is None:
        text, notes = _text(entry.above)
        if text is not None:
            notes = (*notes, "label_is_key" if entry.by_key else "label_above")
    return RawItem(text, raw.box, raw.mask, raw.point, raw.reason, (*raw.notes, *notes), raw.entry)


def _label(value: Mapping[str, Any], place: str | None) -> tuple[Any, str]:
    """What an object says as its label, and the note on where it stood."""
    if key := key_of(value, spellings.LABEL):
        return value[key], ""
    if key := _first_with_words(value, spellings.WEAK_LABEL, place):
        return value[key], "" if plain(key) in {"name", "text"} else "other_label_key"
    if key := _first_with_words(value, spellings.TRANSLATED_LABEL, place):
        return value[key], "other_label_key"
    rest = [key for key, said in value.items() if key != place and isinstance(said, str) and _may_be_label(key, said)]
    named = [key for key in rest if "label" in plain(key) or "name" in plain(key)]
    chosen = named[:1] or (rest if len(rest) == 1 else [])
    return (value[chosen[0]], "other_label_key") if chosen else (None, "")


def _first_with_words(value: Mapping[str, Any], names: tuple[str, ...], place: str | None) -> str | None:
    said = {key: each for key, each in value.items() if key != place and _text(each)[0]}
    return key_of(said, names)


def _may_be_label(key: str, said: str) -> bool:
    name = plain(key)
    if spellings.NO_LABEL.search(name) or name in spellings.MASK + spellings.POINT + spellings.BOX:
        return False
    return bool(said.strip()) and not _ENCODED.match(said)


def _text(value: Any, depth: int = 0) -> tuple[str | None, tuple[str, ...]]:
    """Words as a label: a text, a number, the first of a list, or the label inside of an object."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        return clean_label(value), ("label_cut",) if len(value) > MAX_LABEL else ()
    if depth < _MAX_DEPTH and isinstance(value, list) and value:
        text, notes = _text(value[0], depth + 1)
        return text, (*notes, "label_of_several") if text and len(value) > 1 else notes
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        key = key_of(value, (*spellings.LABEL, *spellings.WEAK_LABEL, *spellings.TRANSLATED_LABEL, "value"))
        return _text(value[key], depth + 1) if key else (None, ())
    return None, ()
