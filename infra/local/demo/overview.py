"""One picture of all overlays, or several where there are many: contact sheets of a bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COLUMNS, ROWS = 3, 4
_TILE_PX, _GAP_PX = 480, 8


def write_overview(pictures: Sequence[Path], folder: Path) -> list[Path]:
    """Write `overview.jpg`, or `overview-1.jpg` and so on, of at most 12 pictures each; return what was written.

    A sheet has at most 1,472 x 1,960 pixels. Sheets of an earlier run are removed.
    """
    for old in folder.glob("overview*.jpg"):
        old.unlink()
    most = COLUMNS * ROWS
    sheets = [pictures[start : start + most] for start in range(0, len(pictures), most)]
    written = []
    for number, sheet in enumerate(sheets, 1):
        written.append(folder / (f"overview-{number}.jpg" if len(sheets) > 1 else "overview.jpg"))
        _write(sheet, written[-1])
    return written


def _write(pictures: Sequence[Path], target: Path) -> None:
    tiles = [_tile(path) for path in pictures]
    columns = min(COLUMNS, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    heights = [max(tile.height for tile in row) + _GAP_PX for row in rows]
    sheet = Image.new("RGB", (columns * (_TILE_PX + _GAP_PX) + _GAP_PX, sum(heights) + _GAP_PX), "white")
    top = _GAP_PX
    for row, height in zip(rows, heights, strict=True):
        for column, tile in enumerate(row):
            x = _GAP_PX + column * (_TILE_PX + _GAP_PX) + (_TILE_PX - tile.width) // 2
            sheet.paste(tile, (x, top + (height - _GAP_PX - tile.height) // 2))
        top += height
    sheet.save(target, "JPEG", quality=85)


def _tile(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.thumbnail((_TILE_PX, _TILE_PX))
        return picture.convert("RGB")
