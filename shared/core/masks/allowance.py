"""The allowance of the masks of one answer in memory and time, whoever wrote the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.core.masks.bits import packed_size
from shared.core.masks.refused import MaskRefusedError

if TYPE_CHECKING:
    from shared.core.values import BoxPx

MAX_FILLED_PIXELS = 1_000_000_000
"""Of all masks of one answer, inside of their boxes with rows padded to whole bytes: 125 MB of memory."""

MAX_STEPS = 300_000_000
"""Of work for all masks of one answer, a step being about a nanosecond of one core: a third of a second, however
tangled the outlines and large the pictures of a hostile answer are. Twenty-five honest masks take less."""

MAX_SOFT_PIXELS = 64_000_000
"""Of all maps of probabilities of one answer, inside of their boxes: 64 MB of memory."""

_STEPS_PER_BYTE = 1  # of the packed mask


@dataclass(slots=True)
class MaskAllowance:
    """What is left for the next masks of an answer; a mask that would take more is refused, the others go on."""

    pixels: int = MAX_FILLED_PIXELS
    steps: int = MAX_STEPS
    soft_pixels: int = MAX_SOFT_PIXELS

    def start(self, box_px: BoxPx) -> None:
        """See that there is memory for a mask of this box (`keep` takes it), and take the time to fill the box.

        Raises:
            MaskRefusedError: if less is left.
        """
        size = packed_size(box_px)
        if 8 * size > self.pixels:
            raise MaskRefusedError(f"the masks of one answer may cover {MAX_FILLED_PIXELS} pixels, this one is beyond")
        self.spend(_STEPS_PER_BYTE * size)

    def has_soft(self, pixels: int) -> bool:
        """Whether there is memory for a map of probabilities of so many pixels; `keep` takes it."""
        return pixels <= self.soft_pixels

    def keep(self, bitmap_size: int, *, soft_pixels: int = 0) -> None:
        """Take the memory of a mask, and of its probabilities, that stay until the answer is done."""
        self.pixels -= 8 * bitmap_size
        self.soft_pixels -= soft_pixels

    def spend(self, steps: int) -> None:
        """Take the time of what is to be done next.

        Raises:
            MaskRefusedError: if less is left; nothing is taken then.
        """
        if steps > self.steps:
            raise MaskRefusedError(f"the masks of one answer may take {MAX_STEPS} steps of work, this one is beyond")
        self.steps -= steps
