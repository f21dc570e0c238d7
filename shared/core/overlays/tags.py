"""Finds a place for each label's tag: inside the picture, near its box, off the tags before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.values import BoxPx

_STEPS: Final = 8


def place_tag(box: BoxPx, size: tuple[int, int], *, picture: tuple[int, int], taken: Sequence[BoxPx]) -> BoxPx:
    """Return where a tag of `size` goes: the first free place, else the one that covers the least of `taken`."""
    best, least = None, 0
    for place in _candidates(box, size, picture):
        covered = sum(_overlap(place, other) for other in taken)
        if not covered:
            return place
        if best is None or covered < least:
            best, least = place, covered
    return best or (0, 0, *size)


def _candidates(box: BoxPx, size: tuple[int, int], picture: tuple[int, int]) -> Iterator[BoxPx]:
    """Yield above, inside the top, below and inside the bottom of `box`, at its left and right, then downwards."""
    x0, y0, x1, y1 = box
    width, height = size
    for y in (y0 - height, y0, y1, y1 - height, *(y0 + step * height for step in range(1, _STEPS))):
        for x in (x0, x1 - width):
            left = max(0, min(x, picture[0] - width))
            top = max(0, min(y, picture[1] - height))
            yield left, top, left + width, top + height


def _overlap(one: BoxPx, other: BoxPx) -> int:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)
