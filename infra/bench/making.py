"""`python -m infra.bench.making FOLDER`: makes the pictures and replies that the variants share, the same each time."""

from __future__ import annotations

import base64
import compileall
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import uharfbuzz  # noqa: F401 - compiled here, so that no measurement pays for it
from PIL import Image, ImageDraw
from skimage import data

from infra.bench.bombs import BOMBS
from infra.bench.inputs import (
    LARGE,
    LARGE_SIZE,
    MASKS,
    PHOTO,
    SIDEWAYS,
    SIZE,
    SMALL,
    SMALL_ITEMS,
    SMALL_SIZE,
    reply_name,
)
from infra.bench.measure import ROOT
from infra.bench.worst import WORST

_BOX_WIDTH, _BOX_HEIGHT = 250, 267  # of 1000: 1000x801 pixels of the photo
_ORIENTATION, _TURN_RIGHT = 0x0112, 6  # EXIF 2.32, table 4
_CODED_SIDE, _MASK_SIDE = 64, 256  # real masks look like 64x64 maps enlarged four times
_CORNERS = 48
_LABELS = ("coffee cup", "saucer", "spoon", "wooden table", "bowl", "plate", "napkin", "glass", "jar", "tray")


def make(folder: Path) -> None:
    """Write all inputs, and compile what the measured processes import of ours."""
    photo = _photo()
    photo.save(folder / PHOTO, "JPEG", quality=90)
    make_small(folder)
    _save_sideways(photo, folder / SIDEWAYS)
    _tiled(photo).save(folder / LARGE, "JPEG", quality=90)
    for form in ("png", "polygon"):
        (folder / reply_name(form)).write_text(_reply(form, MASKS), encoding="utf-8")
    for name, bomb in BOMBS.items():
        (folder / name).write_bytes(bomb())
    for name, make_worst in WORST.items():
        (folder / name).write_bytes(make_worst())
    compileall.compile_file(ROOT / "main.py", quiet=1)
    for package in ("functions", "shared", "infra/bench"):
        compileall.compile_dir(ROOT / package, quiet=1)


def make_small(folder: Path) -> None:
    """Write the small picture, and an answer about it."""
    Image.fromarray(data.coffee()).resize(SMALL_SIZE).save(folder / SMALL, "JPEG", quality=85)
    (folder / reply_name("small")).write_text(_reply("polygon", SMALL_ITEMS), encoding="utf-8")


def _photo() -> Image.Image:
    """Enlarge a photograph of scikit-image to 12 megapixels, with the grain of a real sensor."""
    picture = Image.fromarray(data.coffee()).crop((0, 0, 533, 400)).resize(SIZE, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(20261121).integers(-9, 10, (SIZE[1], SIZE[0], 3), dtype=np.int16)
    return Image.fromarray(np.clip(np.asarray(picture, dtype=np.int16) + grain, 0, 255).astype(np.uint8))


def _save_sideways(photo: Image.Image, path: Path) -> None:
    """Store the photo lying on its side, as a phone does, with the tag that says how to turn it."""
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURN_RIGHT
    photo.transpose(Image.Transpose.ROTATE_90).save(path, "JPEG", quality=90, exif=exif)


def _tiled(photo: Image.Image) -> Image.Image:
    large = Image.new("RGB", LARGE_SIZE)
    for y in range(0, LARGE_SIZE[1], SIZE[1]):
        for x in range(0, LARGE_SIZE[0], SIZE[0]):
            large.paste(photo, (x, y))
    return large


def _reply(form: str, masks: int) -> str:
    """Return an answer as recorded ones look: fenced base64 masks of 2.5, or the polygons of 3.x."""
    items = [_item(index, form) for index in range(masks)]
    return json.dumps({"boxes": items}) if form == "polygon" else f"```json\n{json.dumps(items, indent=2)}\n```"


def _item(index: int, form: str) -> dict[str, object]:
    x0, y0 = 5 + 247 * (index % 4), 20 + 330 * (index // 4)
    outline = _outline(index)
    if form == "png":
        mask: object = "data:image/png;base64," + base64.b64encode(_mask_png(outline)).decode()
    else:
        mask = [[x0 + round(x * _BOX_WIDTH), y0 + round(y * _BOX_HEIGHT)] for x, y in outline]
    return {"box_2d": [y0, x0, y0 + _BOX_HEIGHT, x0 + _BOX_WIDTH], "mask": mask, "label": _LABELS[index]}


def _outline(index: int) -> list[tuple[float, float]]:
    """Return a wobbly round shape inside the unit square, another one for each index."""
    corners = []
    for angle in (corner * math.tau / _CORNERS for corner in range(_CORNERS)):
        radius = 0.44 + 0.055 * math.sin(3 * angle + index)
        corners.append((0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)))
    return corners


def _mask_png(outline: list[tuple[float, float]]) -> bytes:
    coded = Image.new("L", (_CODED_SIDE, _CODED_SIDE))
    ImageDraw.Draw(coded).polygon([(x * _CODED_SIDE, y * _CODED_SIDE) for x, y in outline], fill=255)
    sink = io.BytesIO()
    coded.resize((_MASK_SIDE, _MASK_SIDE), Image.Resampling.NEAREST).save(sink, "PNG", compress_level=9)
    return sink.getvalue()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
