"""A mask as the part of its image that holds all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class MaskCrop:
    """The part of a mask that holds all of it: `inside` (rows by columns) lies at `left`, `top` of the image."""

    inside: NDArray[np.bool_]
    left: int
    top: int

    @property
    def area(self) -> int:
        """Pixels inside the mask."""
        return int(self.inside.sum())
