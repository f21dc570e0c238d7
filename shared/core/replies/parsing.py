"""Turns the text of an answer into raw items, list by list: which shape it has, not yet what it means.

Models wrap the same entries in a list, in an object around a list, or send one alone, with prose and fences
around; every shape that was seen is taken. Numbers, boxes and masks are left to `boxes`, `scale` and `masks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from shared.core.replies import shape, spellings
from shared.core.replies.items import RawItem, items_of
from shared.core.replies.lenient_json import values_in

if TYPE_CHECKING:
    from shared.core.replies.jsonscan import JsonValue, Scan

__all__ = ["MAX_ENTRIES", "ItemsReply", "RawItem", "RawList", "parse_items"]

MAX_ENTRIES = 2_000
"""That are looked at, repeats and drafts among them."""

_BETWEEN = 500  # characters in front of a list that may say what it is


@dataclass(frozen=True, slots=True)
class RawList:
    """Items that belong together: those of one list, or lone objects in a row; `before` is the text in front."""

    items: tuple[RawItem, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class ItemsReply:
    """All entries of an answer. Not `readable` means: no list or object of the expected kind is in it.

    `lost` counts entries that are there but broken; the one that a `truncated` answer ends in is not among them.
    `rewritten` says that the answer was no JSON and had to be spelled as such.
    """

    lists: tuple[RawList, ...]
    readable: bool
    truncated: bool = False
    lost: int = 0
    repeated_keys: bool = False
    capped: bool = False
    rewritten: bool = False

    @property
    def items(self) -> tuple[RawItem, ...]:
        """The items of all lists."""
        return tuple(chain.from_iterable(each.items for each in self.lists))


def parse_items(text: str, *, max_items: int = MAX_ENTRIES) -> ItemsReply:
    """Every entry of the answer, whichever root it has; unusable entries are kept, with a reason."""
    seen = values_in(text, member_key=spellings.MEMBER)
    values = shape.expected(seen.values)
    lists, capped = _lists(seen, max_items)
    nothing = text.strip() in {"null", "None"} or (
        len(seen.values) == 1 and seen.broken is None and shape.is_nothing(seen.values[0].value)
    )
    return ItemsReply(
        lists=lists,
        # An empty list says "nothing there" only where nothing broken stands beside it.
        readable=bool(lists) or nothing or (seen.broken is None and any(not value.salvaged for value in values)),
        truncated=seen.unfinished is not None,
        lost=0 if seen.unfinished is not None else seen.lost,
        repeated_keys=seen.repeated_keys,
        capped=seen.capped or capped,
        rewritten=seen.rewritten,
    )


def _lists(seen: Scan, most: int) -> tuple[tuple[RawList, ...], bool]:
    """The lists of an answer, and whether there is more than `most` items."""
    lists: list[RawList] = []
    left, end, was_lone = most, 0, False
    for root, (start, stop) in zip(seen.values, seen.spans, strict=True):
        if not shape.expected([root]):
            continue
        offered = chain.from_iterable(map(items_of, shape.answer_entries(root)))
        items = tuple(islice(offered, left))
        left -= len(items)
        before, lone = seen.text[max(end, start - _BETWEEN) : start], _is_lone(root)
        if lone and was_lone and lists:
            lists[-1] = RawList(lists[-1].items + items, lists[-1].before)
        elif items:
            lists.append(RawList(items, before))
        end, was_lone = stop, lone
        if not left and any(True for _ in offered):
            return tuple(lists), True
    return tuple(lists), False


def _is_lone(root: JsonValue) -> bool:
    """Whether a value is a member of a list that is not there, or was broken: one object per line, say."""
    return root.salvaged or (isinstance(root.value, Mapping) and shape.is_entry(root.value))
