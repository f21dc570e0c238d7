"""Results as flat rows for tables: one for each item or class, and one for a result without any: no image is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.export.reading import StoredResult

_NO_BOX = (None,) * 4


def rows(found: StoredResult) -> Iterator[dict[str, Any]]:
    """Yield the rows of one result; every row has the same columns in the same order.

    Boxes are in pixels, half open: `x0` ... of the upright image, `stored_x0` ... of the file as stored. What the
    result cost stands in its first row only, so that a sum over rows is right.
    """
    head = _head(found)
    items = found.document.get("items") or found.document.get("classes") or [None]
    for number, item in enumerate(items):
        cost = head["cost_usd"] if number == 0 else None
        yield head | {"cost_usd": cost} | _item({"index": number} | item if item else {})


def _head(found: StoredResult) -> dict[str, Any]:
    document = found.document
    source, image, error = document["source"], document["image"] or {}, document["error"] or {}
    return {
        "result": found.place,
        "id": document["id"],
        "run": document["run"],
        "task": document["task"],
        "status": document["status"],
        "created": document["created"],
        "bucket": source["bucket"],
        "name": source["name"],
        "generation": source["generation"],
        "width": image.get("width"),
        "height": image.get("height"),
        "orientation": image.get("orientation"),
        "model": document["model"]["served"] or document["model"]["requested"],
        "caption": document.get("caption"),
        "question": document.get("question"),
        "answer": document.get("answer"),
        "error_code": error.get("code"),
        "error_message": error.get("message"),
        "cost_usd": (document["usage"] or {}).get("cost_usd"),
    }


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    mask = item.get("mask") or {}
    return {
        "item_index": item.get("index"),
        "label": item.get("label"),
        "text": item.get("text"),
        "text_language": item.get("language"),
        "item_status": item.get("status"),
        "item_reason": item.get("reason"),
        **_box("", item.get("box_px")),
        **_box("stored_", item.get("box_px_stored")),
        "mask_status": mask.get("status"),
        "mask_file": mask.get("file"),
        "mask_area_px": mask.get("area_px"),
    }


def _box(prefix: str, box: Sequence[int] | None) -> dict[str, int | None]:
    return {f"{prefix}{side}": value for side, value in zip(("x0", "y0", "x1", "y1"), box or _NO_BOX, strict=True)}
