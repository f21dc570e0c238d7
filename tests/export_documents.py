"""Result documents made by hand, complete by their JSON Schema: shared by the tests of exports."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from shared.core.geometry import to_stored

BUCKET = "uploads"


def without_progress(stderr: str) -> str:
    """Return what a command said besides how far it was: on a slow machine, that takes a line now and then."""
    return re.sub(r"^[\d,]+ results read.*, \d+ s\n", "", stderr, flags=re.MULTILINE)


def folder(name: str = "cat.jpg", *, generation: int = 7, run: str = "v1") -> str:
    """Return where the results on one image generation lie."""
    return f"{run}/{BUCKET}/{name}/{generation}"


def document(
    items: list[dict[str, Any]] | None = None,
    *,
    name: str = "cat.jpg",
    task: str = "segment",
    status: str = "ok",
    size: tuple[int, int] = (4, 3),
    orientation: int = 1,
    **extra: Any,
) -> dict[str, Any]:
    """Return a result on an upright image of `size` (width, height)."""
    error = None if status in {"ok", "empty"} else {"code": status, "message": "made by hand"}
    image = {"format": "jpeg", "mime_type": "image/jpeg", "orientation": orientation, "frames": 1}
    payload = {} if items is None else {"items": items}
    files = [entry["mask"]["file"] for entry in items or [] if (entry.get("mask") or {}).get("file")]
    return {
        "schema": "uplook.result/1",
        "id": "0" * 64,
        "status": status,
        "task": task,
        "run": "v1",
        "created": "2026-11-21T10:00:00.000Z",
        "source": {
            "bucket": BUCKET,
            "name": name,
            "generation": "7",
            "size": 1000,
            "content_type": "image/jpeg",
            "crc32c": None,
        },
        "image": image | {"width": size[0], "height": size[1]},
        "model": {"requested": "gemini-3.8-flash", "served": "local-vision"},
        "transport": None,
        "usage": {
            "prompt_tokens": 1,
            "output_tokens": 2,
            "thought_tokens": 0,
            "total_tokens": 3,
            "cost_usd": 0.25,
        },
        "timing_ms": {},
        **payload,
        "files": [{"name": file, "content_type": "image/png", "size": 1, "crc32c": "AAAAAA=="} for file in files],
        "warnings": [],
        "error": error,
        **extra,
    }


def failed(*, task: str = "segment", code: str = "not_an_image", name: str = "cat.jpg") -> dict[str, Any]:
    """Return an error document."""
    error = {"code": code, "message": "no"}
    return document(None, name=name, task=task, status="failed", error=error, image=None, usage=None)


def item(
    label: str,
    box: tuple[int, int, int, int] | None,
    *,
    index: int = 0,
    size: tuple[int, int] = (4, 3),
    orientation: int = 1,
    **extra: Any,
) -> dict[str, Any]:
    """Return an item with its box in both frames."""
    stored = to_stored(box, width=size[0], height=size[1], orientation=orientation) if box else None
    return {
        "index": index,
        "label": label,
        "status": "ok",
        "reason": None,
        "box_2d": None,
        "box_px": list(box) if box else None,
        "box_px_stored": list(stored) if stored else None,
        **extra,
    }


def mask_of(file: str) -> dict[str, Any]:
    """Return the member `mask` of an item whose mask lies in this file."""
    return {"status": "ok", "file": file, "source": "png", "area_px": 1, "reason": None}


NO_MASK = {"status": "unavailable", "file": None, "source": None, "area_px": None, "reason": "tokens"}


def grid(rows: list[str]) -> Any:
    """Return a bool array: `#` is inside."""
    return np.array([[char == "#" for char in row] for row in rows], dtype=np.bool_)


def png(rows: list[str]) -> bytes:
    """Return a 1-bit PNG."""
    sink = BytesIO()
    Image.fromarray(grid(rows)).save(sink, "PNG")
    return sink.getvalue()
