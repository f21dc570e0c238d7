"""The files of a result: masks and the overlay, with deterministic names and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.images import prepare
from shared.core.masks import png_writing
from shared.core.results.documents import ResultFile
from shared.core.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent
    from shared.core.images.structure import Structure
    from shared.core.naming import Paths
    from shared.core.tasks.common.task import Reading
    from shared.core.values import ImageInfo

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


def overlay_file(
    reading: Reading, info: ImageInfo, image: bytes, paths: Paths, *, structure: Structure | None = None
) -> ResultFile:
    """Return the picture with everything found drawn on it."""
    from shared.core.overlays import drawing  # three of five tasks never draw: their cold start need not load it

    picture = prepare.open_upright(image, info, max_side_px=OVERLAY_MAX_SIDE_PX, structure=structure)
    drawn = drawing.draw_overlay(picture, reading.items or (), width=info.width, height=info.height)
    return ResultFile(paths.file("overlay.jpg"), "image/jpeg", drawn)


def draws_overlay(event: ImageEvent, reading: Reading) -> bool:
    """Whether this result has something to draw."""
    return TASKS[event.task].draws_overlay and any(item.box_px for item in reading.items or ())
