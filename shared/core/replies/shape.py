"""Which parts of a JSON value are entries (one thing each), whatever lists and objects stand around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shared.core.geometry import side_keys

if TYPE_CHECKING:
    from shared.core.replies.jsonscan import Found

# Names that answers, and public readers of them, use. A box under any of them is in the order of `box_2d`.
BOX_KEYS = ("box_2d", "box2d", "bounding_box", "bbox", "box")
MASK_KEYS = ("mask", "polygon")
POINT_KEYS = ("point",)
LABEL_KEYS = ("label", "class_name", "class")
WEAK_LABEL_KEYS = ("name", "text")  # labels beside a box; elsewhere they describe anything

_GEOMETRY = BOX_KEYS + MASK_KEYS + POINT_KEYS
MEMBER_KEY = re.compile(rf'"(?:[^"\\]*box_2d|{"|".join(_GEOMETRY)}|[xy]_?min)"\s*:', re.IGNORECASE)
"""A key that only an entry has, as it stands in the text."""

_MAX_DEPTH = 6  # list in object in list …: deeper nesting was never seen and is not followed


def expected(found: Iterable[Found]) -> list[Found]:
    """The values that can hold entries: coordinates, prose in brackets and other objects are something else."""
    return [value for value in found if _holds_entries(value.value)]


def entries(found: Iterable[Found]) -> Iterator[Any]:
    """All entries in order. From inside of something broken only those count that name themselves as one."""
    for value in found:
        for entry in _walk(value.value):
            if not value.salvaged or (isinstance(entry, Mapping) and _is_entry(entry)):
                yield entry


def key_of(entry: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of `names` under which the entry holds something, in any case of letters."""
    plain = {key.strip().lower(): key for key, value in entry.items() if value is not None}
    return next((plain[name] for name in names if name in plain), None)


def box_key(entry: Mapping[str, Any]) -> str | None:
    """The key of the box; models that stumble over a mask leave its debris in front of `box_2d`."""
    debris = (key for key, value in entry.items() if key.endswith("box_2d") and value is not None)
    return key_of(entry, BOX_KEYS) or next(debris, None)


def _has_geometry(value: Mapping[str, Any]) -> bool:
    return key_of(value, _GEOMETRY) is not None or box_key(value) is not None or side_keys(value) is not None


def _is_entry(value: Mapping[str, Any]) -> bool:
    return _has_geometry(value) or key_of(value, LABEL_KEYS) is not None


def _holds_entries(value: Any, depth: int = 0) -> bool:
    if isinstance(value, list):
        return not value or any(isinstance(child, (str, list, Mapping)) for child in value)
    if not isinstance(value, Mapping):
        return False
    return _is_entry(value) or (depth < _MAX_DEPTH and bool(_branches(value, depth)))


def _branches(value: Mapping[str, Any], depth: int) -> list[Any]:
    """What is worth descending into. An object that has a label itself is left only for other objects."""
    inner = [child for child in value.values() if isinstance(child, (list, Mapping))]
    if key_of(value, LABEL_KEYS) is not None:
        inner = [child for child in inner if isinstance(child, list) and any(isinstance(x, Mapping) for x in child)]
    return [child for child in inner if _holds_entries(child, depth + 1)]


def _walk(value: Any, depth: int = 0) -> Iterator[Any]:
    if depth > _MAX_DEPTH:
        yield value
    elif isinstance(value, list) and _holds_entries(value):
        for child in value:
            yield from _walk(child, depth + 1)
    elif isinstance(value, Mapping) and not _has_geometry(value) and (branches := _branches(value, depth)):
        for child in branches:
            yield from _walk(child, depth + 1)
    else:
        yield value
