"""One object once: an answer sent twice, a draft before the final list, a loop and a plain repeat are told apart.

What follows looks at labels and boxes alone, and at the numbers as they were sent: at any scale, the same object is the
same share of the picture.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from shared.core.replies.box_spellings import Numbers
    from shared.core.replies.items import RawItem

    _Key = tuple[str, Hashable]

SAME = 0.9
"""Two boxes of one label with this intersection over union, or more, are one object."""

LOOP = 4
"""As often as this one object comes in an answer only where the model goes round in circles."""

_REVISED = 0.5
"""A box with this intersection over union, or more, may be the same object's in an earlier draft of the list."""

_REVISED_ANY_LABEL = 0.8
_LOOKED_AT = 64
"""Objects of one label that a further one is compared with: the last ones. Equal boxes are found however far apart."""

_CUE = re.compile(r"\b(?:final|correct(?:ed|ion)|revised|refined|updated|improved|adjusted)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One item as it was sent, and the numbers of its box, if it has one."""

    raw: RawItem
    numbers: Numbers | None

    @property
    def label(self) -> str:
        """The label, empty where there is none."""
        return self.raw.label or ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of an answer; `before` is the text between it and the list before."""

    sightings: tuple[Sighting, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class Objects:
    """What is left of an answer's lists, every object once.

    `doubled` counts lists that came twice, `drafts` those that a later one replaced, `repeats` the sightings of
    objects that were there already, and `loop` says that one of them came again and again.
    """

    sightings: tuple[Sighting, ...]
    doubled: int = 0
    drafts: int = 0
    repeats: int = 0
    loop: bool = False


@dataclass(slots=True)
class _Known:
    """An object by its number, and its box as it came last."""

    index: int
    numbers: Numbers


def one_each(listings: Sequence[Listing]) -> Objects:
    """Every object of an answer once, in the order in which they were sent first."""
    standing: list[Listing] = []
    doubled = drafts = 0
    for listing in listings:
        same = [earlier for earlier in standing if _is_same(earlier, listing)]
        old = [earlier for earlier in standing if earlier not in same and _is_draft(earlier, listing)]
        doubled, drafts = doubled + len(same), drafts + len(old)
        standing = [earlier for earlier in standing if earlier not in same + old] + [listing]
    kept, counts = _distinct(sighting for listing in standing for sighting in listing.sightings)
    return Objects(
        sightings=tuple(kept),
        doubled=doubled,
        drafts=drafts,
        repeats=sum(counts.values()) - len(kept),
        loop=max(counts.values(), default=0) >= LOOP,
    )


def overlap(one: Numbers, other: Numbers) -> float:
    """Intersection over union of two boxes, whatever the order of their corners; 0 where neither has an area."""
    (top, left, bottom, right), (up, west, down, east) = _ordered(one), _ordered(other)
    shared = max(0.0, min(bottom, down) - max(top, up)) * max(0.0, min(right, east) - max(left, west))
    union = (bottom - top) * (right - left) + (down - up) * (east - west) - shared
    return shared / union if union > 0 else 0.0


def _ordered(box: Numbers) -> Numbers:
    return min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])


def _is_same(one: Listing, other: Listing) -> bool:
    return bool(one.sightings) and set(map(_key, one.sightings)) == set(map(_key, other.sightings))


def _key(sighting: Sighting) -> _Key:
    """What equal sightings have in common: label and box, or whatever stands in the place of a box."""
    raw = sighting.raw
    if sighting.numbers is not None:
        return sighting.label, _ordered(sighting.numbers)
    return sighting.label, (*_flat(raw.box), *_flat(raw.point), *_flat(raw.mask), raw.reason)


def _flat(value: Any) -> tuple[Any, ...]:
    """A value that can be compared with others; what is nested is equal to nothing but itself."""
    if isinstance(value, list) and not any(isinstance(each, (list, dict)) for each in value):
        return tuple(value)
    return (id(value),) if isinstance(value, (list, dict)) else (value,)


def _is_draft(earlier: Listing, later: Listing) -> bool:
    """Whether most of the shorter list is in the other one, too, or the text between them says that it is revised."""
    fewer, more = sorted((earlier.sightings, later.sightings), key=len)
    if not fewer:
        return False
    if _CUE.search(later.before) and {each.label for each in fewer} & {each.label for each in more}:
        return True
    near = more[:_LOOKED_AT]
    revised = sum(any(_is_revision(one, other) for other in near) for one in fewer[:_LOOKED_AT])
    return 2 * revised >= min(len(fewer), _LOOKED_AT)


def _is_revision(one: Sighting, other: Sighting) -> bool:
    if one.numbers is None or other.numbers is None:
        return False
    return overlap(one.numbers, other.numbers) >= (_REVISED if one.label == other.label else _REVISED_ANY_LABEL)


def _distinct(sightings: Iterable[Sighting]) -> tuple[list[Sighting], Counter[int]]:
    """Each object once, and how often each came.

    A sighting is compared with the last one of its object: a box that creeps on from copy to copy is a copy, too.
    """
    kept: list[Sighting] = []
    counts: Counter[int] = Counter()
    exact: dict[_Key, int] = {}
    recent: defaultdict[str, deque[_Known]] = defaultdict(lambda: deque(maxlen=_LOOKED_AT))
    for sighting in sightings:
        index = exact.get(_key(sighting))
        if index is None:
            index = _seen_before(sighting, recent[sighting.label], new=len(kept))
        if index == len(kept):
            kept.append(sighting)
        exact[_key(sighting)] = index
        counts[index] += 1
    return kept, counts


def _seen_before(sighting: Sighting, recent: deque[_Known], *, new: int) -> int:
    """The number of the object that a sighting shows: of one among the `recent` ones, or the `new` one."""
    if sighting.numbers is None:
        return new
    for known in recent:
        if overlap(sighting.numbers, known.numbers) >= SAME:
            known.numbers = sighting.numbers
            return known.index
    recent.append(_Known(new, sighting.numbers))
    return new
