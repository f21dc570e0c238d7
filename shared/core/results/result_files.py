"""The files of a result: masks, crops and the overlay, with deterministic names and bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.core.images import prepare
from shared.core.masks import png_writing
from shared.core.results.documents import ResultFile
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

    from shared.core.events.envelopes import ImageEvent
    from shared.core.images.structure import Structure
    from shared.core.naming import Paths
    from shared.core.tasks.common.task import Reading
    from shared.core.values import ImageInfo

CROPS_MAX_SIDE_PX = 3072
"""Of the picture that crops are cut from: more than any model looks at."""

OVERLAY_MAX_SIDE_PX = 2000
"""A 12-megapixel photo is 4000 px long: half of it is a scale that a JPEG decodes to directly."""


def mask_files(reading: Reading, info: ImageInfo, paths: Paths) -> dict[int, ResultFile]:
    """Return the mask PNGs by item index: full size of the upright image, 1 bit, 255/0."""
    return {
        item.index: ResultFile(
            paths.file(f"mask-{item.index:03d}.png"),
            "image/png",
            png_writing.encode_mask_png(item.mask, width=info.width, height=info.height),
        )
        for item in reading.items or ()
        if item.mask is not None and item.mask.status == "ok"
    }


def soft_files(reading: Reading, info: ImageInfo, paths: Paths) -> dict[int, ResultFile]:
    """Return the maps of probabilities by item index: PNGs of the full size of the upright image, 0 to 255."""
    return {
        item.index: ResultFile(
            paths.file(f"mask-{item.index:03d}-soft.png"),
            "image/png",
            png_writing.encode_soft_png(item.mask, width=info.width, height=info.height),
        )
        for item in reading.items or ()
        if item.mask is not None and item.mask.soft
    }


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is made of the picture itself: the overlay, and crops by item index, with warnings about what is missing."""

    overlay: tuple[ResultFile, ...] = ()
    crops: Mapping[int, ResultFile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def pictures(
    reading: Reading,
    info: ImageInfo,
    image: bytes,
    paths: Paths,
    *,
    structure: Structure | None = None,
    with_crops: bool = False,
) -> Pictures:
    """Return the picture with everything found drawn on it, and each object cut out, if that is wanted.

    The picture is decoded once, and no larger than needed.
    """
    max_side_px = CROPS_MAX_SIDE_PX if with_crops else OVERLAY_MAX_SIDE_PX
    picture = prepare.open_upright(image, info, max_side_px=max_side_px, structure=structure)
    if not with_crops:
        return Pictures((_overlay_file(reading, info, picture, paths),))
    from shared.core.overlays import crops

    cut = crops.cut(picture, reading.items or (), width=info.width, height=info.height)
    files = {
        index: ResultFile(paths.file(f"crop-{index:03d}.{crop.suffix}"), crop.content_type, crop.data)
        for index, crop in cut.by_index.items()
    }
    size = prepare.written_size(info.width, info.height, OVERLAY_MAX_SIDE_PX)
    overlay = _overlay_file(reading, info, picture.resize(size, reducing_gap=2.0), paths)
    return Pictures((overlay,), files, cut.warnings)


def _overlay_file(reading: Reading, info: ImageInfo, picture: Image.Image, paths: Paths) -> ResultFile:
    from shared.core.overlays import drawing  # three of five tasks never draw: their cold start need not load it

    drawn = drawing.draw_overlay(picture, reading.items or (), width=info.width, height=info.height)
    return ResultFile(paths.file("overlay.jpg"), "image/jpeg", drawn)


def draws_overlay(event: ImageEvent, reading: Reading) -> bool:
    """Whether this result has something to draw."""
    return TASKS[event.task].draws_overlay and any(item.box_px for item in reading.items or ())
