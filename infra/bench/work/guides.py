"""The baselines of `masks`: the image guides of 2025, mended where they crash, and a milder way without their loops.

The guides (ai.google.dev/gemini-api/docs/image-understanding) spread a mask over an array of the whole image in
one edition, and paint, composite and save an overlay of the whole image for each mask in another.
"""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from infra.bench.inputs import PHOTO, reply_name

if TYPE_CHECKING:
    from pathlib import Path

    from infra.bench.model import Facts, Work

    Grid = np.ndarray[Any, np.dtype[np.uint8]]
    Box = tuple[int, int, int, int]

_PREFIX = "data:image/png;base64,"
_THUMBNAIL_PX = 1024
_PAINT = (255, 255, 255, 200)
_GUIDE_THRESHOLD, _THRESHOLD = 128, 127
_COLOURS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 200, 0), (255, 120, 0), (160, 0, 160))
_ALPHA = 178


def guide(folder: Path, count: str) -> Work:
    """Return the guides' way at the photo's own size, for the first `count` masks."""
    return _guide(folder, int(count), max_side_px=None)


def guide_thumbnail(folder: Path, count: str) -> Work:
    """Return the guides' way as they print it: on a thumbnail, with boxes and masks of the thumbnail."""
    return _guide(folder, int(count), max_side_px=_THUMBNAIL_PX)


def milder(folder: Path, form: str) -> Work:
    """Return full-size arrays without a loop over pixels, 8-bit PNGs, and one overlay as JPEG."""
    photo, text, target = _inputs(folder, form)

    def work() -> Facts:
        picture = Image.open(io.BytesIO(photo)).convert("RGBA")
        for index, item in enumerate(_items(text)):
            mask = _full_size(item, picture.size)
            Image.fromarray(mask).save(target / f"mask-{index}.png")
            picture = _painted(picture, mask, index)
            _label(picture, item, index)
        picture.convert("RGB").save(target / "overlay.jpg", quality=90)
        return _facts(target)

    return work


def _guide(folder: Path, count: int, max_side_px: int | None) -> Work:
    photo, text, target = _inputs(folder, "png")

    def work() -> Facts:
        picture = Image.open(io.BytesIO(photo))
        if max_side_px:
            picture.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
        for index, item in enumerate(_items(text)[:count]):
            mask = _full_size(item, picture.size)
            Image.fromarray(mask).save(target / f"{index}_mask.png")
            layer = _layer(mask, _box(item, picture.size))
            Image.alpha_composite(picture.convert("RGBA"), layer).save(target / f"{index}_overlay.png")
        return _facts(target)

    return work


def _inputs(folder: Path, form: str) -> tuple[bytes, str, Path]:
    Image.preinit()
    target = folder / f"guides-{form}"
    target.mkdir(exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    return (folder / PHOTO).read_bytes(), (folder / reply_name(form)).read_text(encoding="utf-8"), target


def _items(text: str) -> list[dict[str, Any]]:
    root = json.loads(text.removeprefix("```json").removesuffix("```"))
    items: list[dict[str, Any]] = root["boxes"] if isinstance(root, dict) else root
    return items


def _box(item: dict[str, Any], size: tuple[int, int]) -> Box:
    y0, x0, y1, x1 = item["box_2d"]
    width, height = size
    return int(x0 / 1000 * width), int(y0 / 1000 * height), int(x1 / 1000 * width), int(y1 / 1000 * height)


def _full_size(item: dict[str, Any], size: tuple[int, int]) -> Grid:
    """Return the mask on an array of the whole image, one byte for each pixel."""
    if not isinstance(item["mask"], str):
        return _drawn(item["mask"], size)
    x0, y0, x1, y1 = _box(item, size)
    opened = Image.open(io.BytesIO(base64.b64decode(item["mask"].removeprefix(_PREFIX))))
    mask = opened.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)
    grid = np.zeros((size[1], size[0]), dtype=np.uint8)
    grid[y0:y1, x0:x1] = (np.asarray(mask) > _THRESHOLD) * np.uint8(255)
    return grid


def _drawn(polygon: list[list[int]], size: tuple[int, int]) -> Grid:
    canvas = Image.new("L", size)
    ImageDraw.Draw(canvas).polygon([(x * size[0] / 1000, y * size[1] / 1000) for x, y in polygon], fill=255)
    return np.array(canvas)


def _layer(mask: Grid, box: Box) -> Image.Image:
    """Paint pixel by pixel, as the guides do."""
    layer = Image.new("RGBA", (mask.shape[1], mask.shape[0]), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            if mask[y, x] > _GUIDE_THRESHOLD:
                draw.point((x, y), fill=_PAINT)
    return layer


def _painted(picture: Image.Image, mask: Grid, index: int) -> Image.Image:
    layer = np.zeros((*mask.shape, 4), dtype=np.uint8)
    layer[mask > _THRESHOLD] = (*_COLOURS[index % len(_COLOURS)], _ALPHA)
    return Image.alpha_composite(picture, Image.fromarray(layer))


def _label(picture: Image.Image, item: dict[str, Any], index: int) -> None:
    draw = ImageDraw.Draw(picture)
    x0, y0, x1, y1 = _box(item, picture.size)
    colour = _COLOURS[index % len(_COLOURS)]
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=4)
    draw.text((x0 + 8, y0 + 6), item["label"], fill=colour)


def _facts(target: Path) -> Facts:
    files = list(target.iterdir())
    return {"files": len(files), "bytes": sum(file.stat().st_size for file in files)}
