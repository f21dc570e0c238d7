"""Which of the labels that a caller wants fits what was seen: one that says what it is, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .vision.names import FACE, called, named_in, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .vision.analysis import Region


def fits(label: str, wanted: str) -> bool:
    """Whether something with our label may have the wanted one: the same, a synonym, or a part of what ours says.

    >>> [fits("large bright orange region", word) for word in ("orange region", "Bright-Orange", "fruit", "red")]
    [True, True, False, False]
    >>> [fits("cat", word) for word in ("Cats", "pet", "region")], fits("face", "person")
    ([True, True, False], True)
    """
    asked = words(wanted)
    if not asked:
        return False
    return called(label, wanted) or (label.endswith("region") and set(asked) <= set(words(label)))


def fitting(region: Region, wanted: Iterable[str]) -> str | None:
    """Return the wanted label that says most exactly what a region is, or None: it is nothing that was asked for."""
    listed = list(wanted)
    for exact in (region.label, region.label.lower()):
        for value in listed:
            if value == exact or value.lower() == exact:
                return value
    return next((value for value in listed if fits(region.label, value)), None)


def asked_for(regions: Sequence[Region], prompt: str) -> list[Region]:
    """Return what a free prompt speaks of: the cats of "Detect the cats", everything of "Detect the items"."""
    names = named_in(prompt)
    if not names:
        return list(regions)
    return [region for region in regions if region.label in names or (region.label == FACE and "person" in names)]
