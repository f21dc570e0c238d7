"""Boxes as answers spell them: from any value to the four numbers that it holds. What they mean is for `scale`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.geometry import SIDES, read_number
from shared.core.replies.lenient_json import value_of
from shared.core.replies.spellings import BOX, LOOSE_BOX, key_of, plain

Numbers = tuple[float, float, float, float]
"""ymin, xmin, ymax and xmax as they were sent, in any order of size and at any scale."""

_CORNERS = (
    SIDES,
    ("miny", "minx", "maxy", "maxx"),
    ("y1", "x1", "y2", "x2"),
    ("y0", "x0", "y1", "x1"),
    ("top", "left", "bottom", "right"),
    ("ystart", "xstart", "yend", "xend"),
)
_CORNER_AND_SIZE = (
    ("y", "x", "h", "w"),
    ("y", "x", "height", "width"),
    ("ymin", "xmin", "h", "w"),
    ("ymin", "xmin", "height", "width"),
    ("top", "left", "height", "width"),
)
_TEXT = re.compile(r"[\s\d.,;:()\[\]<>|+-]{7,200}", re.ASCII)
_TEXT_NUMBER = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,6})?", re.ASCII)
_FARTHEST = 1e7  # numbers beyond it are as far outside of any scale as this one
_PAIR = 2
_MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Sides:
    """The four numbers of a box, or the reason why there are none; `notes` name how they were spelled."""

    numbers: Numbers | None
    reason: str | None = None
    notes: tuple[str, ...] = ()


def read_sides(value: Any, depth: int = 0) -> Sides:
    """Reads four numbers in the order of `box_2d`, in a list, a text or a list of two corners; or sides by name.

    Sides have the names of `_CORNERS`, or those of a corner and a size (`box_from_size`), in any spelling.
    """
    if isinstance(value, str):
        return _of_text(value, depth)
    if isinstance(value, Mapping):
        return _of_names(value, depth)
    if not isinstance(value, (list, tuple)):
        return Sides(None, f"a box has four numbers, this has {_describe(value)}")
    if len(value) == 1 and depth < _MAX_DEPTH and isinstance(value[0], (list, tuple, Mapping, str)):
        return read_sides(value[0], depth + 1)
    if len(value) == _PAIR and all(isinstance(corner, (list, tuple)) and len(corner) == _PAIR for corner in value):
        value = [number for corner in value for number in corner]
    if len(value) != len(SIDES):
        return Sides(None, f"a box has four numbers, this has {_describe(value)}")
    return _of_numbers(value)


def names_sides(value: Mapping[str, Any]) -> bool:
    """Whether an object names all four sides of a box."""
    return _named(value) is not None


def is_box(value: Any) -> bool:
    """Whether a value reads as one box."""
    return read_sides(value).numbers is not None


def separate(value: Any) -> list[Any]:
    """The boxes of one value: a list of boxes holds several, everything else is one."""
    if isinstance(value, list) and len(value) > 1 and all(isinstance(each, (list, Mapping, str)) for each in value):
        whole = read_sides(value).numbers is not None
        return [value] if whole or not any(is_box(each) for each in value) else value
    return [value]


def _of_numbers(values: Any, notes: tuple[str, ...] = ()) -> Sides:
    numbers = [number for value in values if (number := read_number(value)) is not None]
    if len(numbers) != len(SIDES):
        return Sides(None, "a box has four finite numbers, one of these is something else")
    ymin, xmin, ymax, xmax = (max(-_FARTHEST, min(number, _FARTHEST)) for number in numbers)
    return Sides((ymin, xmin, ymax, xmax), None, notes)


def _of_text(text: str, depth: int) -> Sides:
    numbers = _TEXT_NUMBER.findall(text) if _TEXT.fullmatch(text) else []
    if len(numbers) == len(SIDES):
        return _of_numbers(numbers, ("box_as_text",))
    inside = value_of(text) if depth < _MAX_DEPTH else None
    if inside is None:
        return Sides(None, f"a box has four numbers, this has {_describe(text)}")
    return read_sides(inside, depth + 1)


def _of_names(value: Mapping[str, Any], depth: int) -> Sides:
    if named := _named(value):
        keys, sized = named
        sides = _of_numbers([value[key] for key in keys], ("box_from_size",) if sized else ())
        if sides.numbers is None or not sized:
            return sides
        ymin, xmin, height, width = sides.numbers
        return Sides((ymin, xmin, ymin + height, xmin + width), None, sides.notes)
    key = key_of(value, BOX + LOOSE_BOX)
    if key is None or depth >= _MAX_DEPTH:
        return Sides(None, f"a box has four numbers, this has {_describe(value)}")
    return read_sides(value[key], depth + 1)


def _named(value: Mapping[str, Any]) -> tuple[tuple[str, ...], bool] | None:
    """The keys of the four sides, and whether the last two are a size."""
    keys = {plain(key): key for key in value}
    for names in (*_CORNERS, *_CORNER_AND_SIZE):
        if all(name in keys for name in names):
            return tuple(keys[name] for name in names), names in _CORNER_AND_SIZE
    return None


def _describe(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{len(value)} entries"
    return {dict: "other names", str: "a text", type(None): "nothing"}.get(type(value), "a single value")
