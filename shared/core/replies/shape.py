"""Which parts of a JSON value are entries (one thing each), whatever lists, objects and texts stand around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.geometry import read_number
from shared.core.replies import spellings
from shared.core.replies.box_spellings import is_box, names_sides
from shared.core.replies.lenient_json import value_of
from shared.core.replies.spellings import box_key, is_wrapper, key_of, plain

if TYPE_CHECKING:
    from shared.core.replies.jsonscan import JsonValue

_MAX_DEPTH = 6  # list in object in list …: deeper nesting was never seen and is not followed
_SIDES = 4
_OF_ENTRIES = (*spellings.BOX, *spellings.LABEL, "mask", "polygon")


@dataclass(frozen=True, slots=True)
class AnswerEntry:
    """One thing as it was sent; `above` is the label that stands over it, `by_key` says that it is a key."""

    value: Any
    above: Any = None
    by_key: bool = False


def expected(values: Iterable[JsonValue]) -> list[JsonValue]:
    """The values that can hold entries: coordinates, prose in brackets and other objects are something else."""
    return [value for value in values if _holds_entries(value.value)]


def answer_entries(root: JsonValue) -> Iterator[AnswerEntry]:
    """All entries of a value in order. From inside of something broken only those that name themselves as one."""
    for entry in _walk(AnswerEntry(root.value)):
        if not root.salvaged or (isinstance(entry.value, Mapping) and is_entry(entry.value)):
            yield entry


def is_nothing(value: Any) -> bool:
    """Whether a value says that nothing was found: `null`, or an object with nothing in the place of its entries."""
    if isinstance(value, Mapping) and value:
        return all(child is None or (is_wrapper(key) and child in ({}, [], "")) for key, child in value.items())
    return False


def place_of_box(entry: Mapping[str, Any]) -> str | None:
    """The key of an entry's box, or of its boxes; a name that means other things, too, counts where a box is there."""
    if certain := box_key(entry):
        return certain
    keys = {plain(key): key for key, value in entry.items() if _reads_as_boxes(value)}
    named = next((keys[name] for name in spellings.LOOSE_BOX if name in keys), None)
    if named or names_sides(entry) or not _says_words(entry):
        return named
    lone = [key for name, key in keys.items() if isinstance(entry[key], list) and _may_name_a_box(name)]
    return lone[0] if len(lone) == 1 else None


def _says_words(entry: Mapping[str, Any]) -> bool:
    return any(isinstance(value, str) for value in entry.values()) or key_of(entry, spellings.LABEL) is not None


def as_row(value: Any) -> tuple[Any, Any] | None:
    """A list that is a box and its label: five values, `[box, label]` or `[label, box]`."""
    if not isinstance(value, list):
        return None
    words = [part for part in value if isinstance(part, str) and read_number(part) is None]
    rest = [part for part in value if not isinstance(part, str) or read_number(part) is not None]
    if len(words) != 1:
        return None
    box = rest[0] if len(rest) == 1 else rest
    return (box, words[0]) if is_plain_box(box) else None


def is_plain_box(value: Any) -> bool:
    """Whether a value is a list of four numbers."""
    return isinstance(value, list) and len(value) == _SIDES and all(read_number(side) is not None for side in value)


def _reads_as_boxes(value: Any) -> bool:
    """Whether a value is a box, or a list of nothing but boxes."""
    if is_plain_box(value) or _is_sides(value):
        return True
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(each, list) for each in value):
        return is_box(value) or all(is_box(each) for each in value)
    return all(_is_sides(each) for each in value)


def _is_sides(value: Any) -> bool:
    """Whether a value is the sides of a box and nothing else: what has words beside them is an entry of its own."""
    return isinstance(value, Mapping) and names_sides(value) and not _has_words(value)


def _has_words(value: Mapping[str, Any]) -> bool:
    if key_of(value, (*spellings.LABEL, *spellings.WEAK_LABEL, *spellings.TRANSLATED_LABEL)) is not None:
        return True
    return any(isinstance(said, str) and read_number(said) is None for said in value.values())


def _may_name_a_box(name: str) -> bool:
    return name not in spellings.MASK + spellings.POINT and not spellings.NO_BOX.search(name)


def _has_geometry(value: Mapping[str, Any]) -> bool:
    if key_of(value, spellings.POINT) or names_sides(value) or place_of_box(value):
        return True
    mask = key_of(value, spellings.MASK)
    return mask is not None and not _is_around_entries(value[mask])


def _is_around_entries(value: Any) -> bool:
    """Whether a value under the name of a mask only stands around entries: `masks` names a list of them, too."""
    inside = value if isinstance(value, list) else [value]
    return any(isinstance(each, Mapping) and key_of(each, _OF_ENTRIES) for each in inside)


def is_entry(value: Mapping[str, Any]) -> bool:
    """Whether an object is an entry itself, and nothing around entries."""
    return _has_geometry(value) or key_of(value, spellings.LABEL) is not None


def _holds_entries(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list):
        return not value or any(isinstance(child, (str, list, Mapping)) for child in value)
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, str):
        return depth > 0 and _holds_entries(value_of(value), depth + 1)
    return isinstance(value, Mapping) and (is_entry(value) or bool(_branches(value, depth)))


def _branches(value: Mapping[str, Any], depth: int) -> list[tuple[str, Any]]:
    """What is worth descending into, by key. Of an object that has a label itself, only what holds other objects."""
    inner = [(key, child) for key, child in value.items() if isinstance(child, (list, Mapping, str))]
    if key_of(value, spellings.LABEL) is not None:
        inner = [(key, child) for key, child in inner if _are_objects(child)]
    return [(key, child) for key, child in inner if _is_keyed_box(key, child) or _holds_entries(child, depth + 1)]


def _is_keyed_box(key: str, child: Any) -> bool:
    return is_plain_box(child) and not is_wrapper(key) and _may_name_a_box(plain(key))


def _are_objects(child: Any) -> bool:
    return isinstance(child, list) and any(isinstance(each, Mapping) for each in child)


def _walk(entry: AnswerEntry, depth: int = 0) -> Iterator[AnswerEntry]:
    value = entry.value
    if isinstance(value, str) and depth <= _MAX_DEPTH and (inside := value_of(value)) is not None:
        yield from _walk(AnswerEntry(inside, entry.above, entry.by_key), depth + 1)
    elif depth > _MAX_DEPTH or is_plain_box(value) or as_row(value):
        yield entry
    elif isinstance(value, list) and _holds_entries(value):
        for child in value:
            yield from _walk(AnswerEntry(child, entry.above, entry.by_key), depth + 1)
    elif isinstance(value, Mapping) and not _has_geometry(value) and (branches := _branches(value, depth)):
        for child in _children(entry, value, branches):
            yield from _walk(child, depth + 1)
    else:
        yield entry


def _children(
    entry: AnswerEntry, parent: Mapping[str, Any], branches: Sequence[tuple[str, Any]]
) -> Iterator[AnswerEntry]:
    """What is below an object, each with the label that stands over it."""
    key = key_of(parent, spellings.LABELS)
    labels = parent[key] if key else None
    for name, child in branches:
        if isinstance(labels, list) and child is not labels and _are_objects(child) and len(child) == len(labels):
            yield from (AnswerEntry(each, label) for each, label in zip(child, labels, strict=True))
        elif child is not labels or len(branches) == 1:
            yield _below(entry, parent, name, child)


def _below(entry: AnswerEntry, parent: Mapping[str, Any], key: str, child: Any) -> AnswerEntry:
    """A child under the label of its parent, under its key, or under what stood there already."""
    names = (*spellings.LABEL, *spellings.LABEL_ABOVE, *spellings.TRANSLATED_LABEL)
    own = key_of({name: said for name, said in parent.items() if isinstance(said, (str, int))}, names)
    if own is not None:
        return AnswerEntry(child, parent[own])
    return AnswerEntry(child, entry.above, entry.by_key) if is_wrapper(key) else AnswerEntry(child, key, by_key=True)
