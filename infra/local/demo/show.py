"""What the demo shows: a progress display, a table, and one picture of all overlays."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

from PIL import Image
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.local.demo.collect import Outcome

_COLOURS = {"ok": "green", "empty": "cyan", "partial": "yellow", "failed": "red"}
_TILE_PX = 480
_GAP_PX = 8
_FOUND_CHARS = 130


def console() -> Console:
    """Return where the demo prints, every text as it stands: `photo [copy].jpg` and `:cat:.png` are file names."""
    return Console(width=None if sys.stdout.isatty() else 160, markup=False, emoji=False, highlight=False)


def table(outcomes: Sequence[Outcome], folder: Path) -> Table:
    """Return the results as a table: image, task, status, transport, what was found, where it lies in `folder`."""
    shown = Table(show_lines=False, header_style="bold", expand=True)
    shown.add_column("image", overflow="fold", max_width=24)
    for name in ("task", "status", "transport"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("found", ratio=1, overflow="fold")
    shown.add_column(f"result, in {folder}", overflow="fold", max_width=40)
    last = ""
    for outcome in outcomes:
        name = "" if outcome.object_name == last else outcome.object_name
        if name and last:
            shown.add_section()
        last = outcome.object_name
        status = outcome.document["status"]
        shown.add_row(
            name,
            outcome.task,
            Text(status, _COLOURS.get(status, "magenta")),
            transport(outcome.document),
            textwrap.shorten(found(outcome.document), _FOUND_CHARS, placeholder=" …"),
            str(outcome.path and outcome.path.relative_to(folder)),
        )
    return shown


def transport(document: dict[str, Any]) -> str:
    """Return how the image travelled, in a word or two; of several images, in how many ways."""
    carried = document["transport"]
    if "images" in document:
        kinds = sorted({str(image["transport"]["kind"]) for image in document["images"]})
        return f"{len(document['images'])} images, {' and '.join(kinds)}"
    if not carried:
        return "-"
    kind = "Files API" if carried["kind"] == "file" else str(carried["kind"])
    return f"{kind}, reused" if carried["reused"] else kind


def found(document: dict[str, Any]) -> str:
    """Return what was found, or why there is nothing."""
    if document["error"]:
        return str(document["error"]["message"])
    if "caption" in document:
        return str(document["caption"])
    if "answer" in document:
        return f"{document['question']} {document['answer']}"
    if "classes" in document:
        return ", ".join(each["label"] for each in document["classes"])
    items = document.get("items") or []
    masks = sum(1 for item in items if (item.get("mask") or {}).get("status") == "ok")
    labels = ", ".join(item["label"] for item in items[:4])
    more = f", … {len(items) - 4} more" if len(items) > 4 else ""  # noqa: PLR2004 - as many as fit a line
    counted = f"{masks} masks: " if masks else f"{len(items)} boxes: " if items else "nothing"
    return f"{counted}{labels}{more}"


def overview(pictures: Sequence[Path], target: Path) -> None:
    """Write one picture with all overlays, three in a row."""
    tiles = [_tile(path) for path in pictures]
    columns = min(3, len(tiles))
    rows = -(-len(tiles) // columns)
    height = max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (columns * (_TILE_PX + _GAP_PX) + _GAP_PX, rows * (height + _GAP_PX) + _GAP_PX), "white")
    for index, tile in enumerate(tiles):
        x = _GAP_PX + index % columns * (_TILE_PX + _GAP_PX) + (_TILE_PX - tile.width) // 2
        y = _GAP_PX + index // columns * (height + _GAP_PX) + (height - tile.height) // 2
        sheet.paste(tile, (x, y))
    sheet.save(target, "JPEG", quality=85)


def _tile(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.thumbnail((_TILE_PX, _TILE_PX))
        return picture.convert("RGB")
