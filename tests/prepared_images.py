"""What tests of prepared images look at: the bytes, the picture in them, the colours of its corners."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.images.prepare import open_upright, prepare
from shared.core.images.probing import probe
from tests import hostile_builders as build
from tests.hostile_images import ACCEPTED

if TYPE_CHECKING:
    from shared.core.values import PreparedImage

UPRIGHT_CORNERS = (build.RED, build.GREEN, build.BLUE, build.PALE)


def prepared(data: bytes, *, max_side_px: int = 3_072, accepted: frozenset[str] = ACCEPTED) -> PreparedImage:
    return prepare(data, probe(data), accepted=accepted, max_side_px=max_side_px)


def upright(data: bytes, *, max_side_px: int = 3_072) -> Image.Image:
    return open_upright(data, probe(data), max_side_px=max_side_px)


def decoded(result: PreparedImage) -> Image.Image:
    return Image.open(io.BytesIO(result.data))


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    places = ((4, 4), (image.width - 5, 4), (4, image.height - 5), (image.width - 5, image.height - 5))
    return [pixel for place in places if isinstance(pixel := image.getpixel(place), tuple)]


def assert_alike(found: list[tuple[int, ...]], expected: Sequence[tuple[int, ...]], *, tolerance: int) -> None:
    assert len(found) == len(expected)
    for left, right in zip(found, expected, strict=True):
        assert max(abs(a - b) for a, b in zip(left, right, strict=True)) <= tolerance, (found, expected)
