"""An answer with ten masks of a 12-megapixel photo becomes files: Uplook's way, through the pipeline's own steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np  # noqa: F401 - all variants start with the libraries imported
from PIL import Image

from infra.bench.inputs import PHOTO, SIZE, reply_name
from shared.core import naming
from shared.core.images import prepare, probing
from shared.core.overlays import drawing
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.replies.answer import Answer
from shared.core.results import result_files
from shared.core.results.documents import ResultFile
from shared.core.tasks import segment
from shared.core.values import Source

if TYPE_CHECKING:
    from pathlib import Path

    from infra.bench.model import Facts, Work
    from shared.core.tasks.common.task import Reading
    from shared.core.values import ImageInfo

_PATHS = naming.paths(Source("uploads", "photo.jpg", 1), run="v1", task="segment")


def ours(folder: Path, form: str) -> Work:
    """Write what a worker writes: full-size 1-bit masks and an overlay of 2048 pixels."""
    return _work(folder, form, result_files.OVERLAY_MAX_SIDE_PX)


def ours_full_size(folder: Path, form: str) -> Work:
    """Write the same with an overlay as large as the photo, to compare like with like."""
    return _work(folder, form, max(SIZE))


def _work(folder: Path, form: str, overlay_px: int) -> Work:
    Image.preinit()
    photo = (folder / PHOTO).read_bytes()
    text = (folder / reply_name(form)).read_text(encoding="utf-8")
    settings = plan.resolve_settings("segment", Choices())
    target = folder / f"ours-{form}"
    target.mkdir(exist_ok=True)

    def work() -> Facts:
        info = probing.probe(photo)
        reading = segment.TASK.read(Answer(text, "usable"), settings, info)
        masks = result_files.mask_files(reading, info, _PATHS)
        return _written([*masks.values(), _overlay(reading, info, photo, overlay_px)], target)

    return work


def _overlay(reading: Reading, info: ImageInfo, photo: bytes, max_side_px: int) -> ResultFile:
    if max_side_px == result_files.OVERLAY_MAX_SIDE_PX:
        return result_files.pictures(reading, info, photo, _PATHS).overlay[0]
    picture = prepare.open_upright(photo, info, max_side_px=max_side_px)
    drawn = drawing.draw_overlay(picture, reading.items or (), width=info.width, height=info.height)
    return ResultFile(_PATHS.file("overlay.jpg"), "image/jpeg", drawn)


def _written(files: list[ResultFile], target: Path) -> Facts:
    for file in files:
        (target / file.name.rpartition("/")[2]).write_bytes(file.data)
    return {"files": len(files), "bytes": sum(len(file.data) for file in files)}
