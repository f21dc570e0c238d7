"""Masks as shapes: read from their PNG, turned to a frame, and written as polygons or as runs.

Corners of polygons lie on the edges of pixels, so that drawing them gives the mask back, its holes filled. Runs are
exact. Nothing here is the size of an image unless a mask is.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final, Literal

from shared.core.masks.crop import MaskCrop
from shared.core.values import is_transposed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

Frame = Literal["upright", "stored"]
"""`upright`: as a person sees the picture, EXIF orientation applied. `stored`: the pixel grid of the file."""

_FLIPS_ACROSS: Final = frozenset({2, 3, 6, 7})  # EXIF orientations: what turns an upright picture to the stored one
_FLIPS_DOWN: Final = frozenset({3, 4, 7, 8})
_CHAR_BITS: Final = 5
_MORE: Final = 0x20
_SIGN: Final = 0x10
_FIRST_CHAR: Final = 48
_PLAIN_COUNTS: Final = 3
"""The first counts stand as they are; later ones as the difference to the count two before."""


def crop_mask(data: bytes, *, width: int, height: int) -> MaskCrop:
    """Read a mask PNG of the upright image; every pixel that is not black is inside.

    Raises:
        ValueError: if the PNG is not `width` times `height` pixels, or is no PNG.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as mask:
            if mask.size != (width, height):
                raise ValueError(f"expected a mask of {width}x{height}, found {mask.width}x{mask.height}")
            box = mask.getbbox() or (0, 0, 0, 0)
            return MaskCrop(np.asarray(mask.crop(box).convert("L")) > 0, box[0], box[1])
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # all that Pillow says of damaged PNGs
        raise ValueError(
            f"expected a mask PNG, found {len(data)} bytes of something else; download the file of the result again"
        ) from error


def stored_crop(crop: MaskCrop, *, width: int, height: int, orientation: int) -> MaskCrop:
    """Turn a crop of an upright image of `width` times `height` to the grid of the file (EXIF orientation 1 to 8)."""
    inside, left, top = crop.inside, crop.left, crop.top
    rows, columns = inside.shape
    if orientation in _FLIPS_ACROSS:
        inside, left = inside[:, ::-1], width - left - columns
    if orientation in _FLIPS_DOWN:
        inside, top = inside[::-1], height - top - rows
    return MaskCrop(inside.T, top, left) if is_transposed(orientation) else MaskCrop(inside, left, top)


def polygons(mask: MaskCrop, *, tolerance_px: float = 0.0) -> list[list[int]]:
    """Return the outer rings of a mask as COCO's flat `[x, y, x, y, ...]`, in pixels of the whole image.

    Corners lie on the edges of pixels: without tolerance, drawing the polygons with pycocotools gives the mask
    back, its holes filled.
    """
    import numpy as np

    from shared.core.masks.outline import outer_rings, simplified

    corner = np.array([mask.left, mask.top])
    rings = (simplified(ring, tolerance_px=tolerance_px) for ring in outer_rings(mask.inside))
    return [(ring + corner).ravel().tolist() for ring in rings]


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as COCO runs it: alternating lengths of 0s and 1s, down the columns, beginning with 0s."""

    width: int
    height: int
    counts: tuple[int, ...]

    def segmentation(self) -> dict[str, object]:
        """Return the value of an annotation's `segmentation`."""
        return {"size": [self.height, self.width], "counts": compressed(self.counts)}


def rle(mask: MaskCrop, *, width: int, height: int) -> Rle:
    """Run down the columns of a whole image of `width` times `height`."""
    import numpy as np

    bounds = _run_bounds(mask, height)
    counts = np.diff(bounds, prepend=0, append=width * height).tolist()
    return Rle(width, height, tuple(counts if counts[-1] else counts[:-1]))


def row_runs(inside: NDArray[np.bool_]) -> list[int]:
    """Return alternating lengths of 0s and 1s along the rows, beginning with 0s (of which there may be none)."""
    import numpy as np

    changes = np.flatnonzero(np.diff(inside.ravel(), prepend=False))
    runs: list[int] = np.diff(changes, prepend=0, append=inside.size).tolist()
    return runs


def compressed(counts: Sequence[int]) -> str:
    """Return `counts` in COCO's own text form: 5 bits to a character, least first, with sign and continuation."""
    earlier = [0] * _PLAIN_COUNTS + list(counts[1:])
    return "".join(_chars(count - before) for count, before in zip(counts, earlier, strict=False))


def _chars(value: int) -> str:
    chars = ""
    while True:
        low = value & (_MORE - 1)
        value >>= _CHAR_BITS
        if value == (-1 if low & _SIGN else 0):
            return chars + chr(low + _FIRST_CHAR)
        chars += chr((low | _MORE) + _FIRST_CHAR)


def _run_bounds(mask: MaskCrop, height: int) -> NDArray[np.int64]:
    """Return where runs of 1s start and end, in turn, counted down the columns of the whole image."""
    import numpy as np

    padded = np.pad(mask.inside, ((1, 1), (0, 0))).T.astype(np.int8)
    column, row = np.nonzero(np.diff(padded, axis=1))
    places, times = np.unique((column + mask.left) * height + row + mask.top, return_counts=True)
    bounds: NDArray[np.int64] = places[times == 1]  # twice: a run that goes on at the top of the next column
    return bounds
