"""Results as flat rows for tables: one for each item or class, and one for a result without any: no image is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from shared.export.classes import category

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.export.pictures import Split
    from shared.export.reading import StoredResult

Kind = Literal["text", "whole", "real", "texts"]

COLUMNS: Final[dict[str, Kind]] = {
    "result": "text",
    "id": "text",
    "run": "text",
    "task": "text",
    "status": "text",
    "created": "text",
    "bucket": "text",
    "name": "text",
    "generation": "text",
    "split": "text",
    "width": "whole",
    "height": "whole",
    "orientation": "whole",
    "model": "text",
    "model_requested": "text",
    "model_served": "text",
    "transport": "text",
    "transport_bytes": "whole",
    "caption": "text",
    "question": "text",
    "answer": "text",
    "warnings": "texts",
    "error_code": "text",
    "error_message": "text",
    "cost_usd": "real",
    "prompt_tokens": "whole",
    "output_tokens": "whole",
    "thought_tokens": "whole",
    "total_tokens": "whole",
    "item_index": "whole",
    "label": "text",
    "class_id": "whole",
    "text": "text",
    "text_language": "text",
    "item_status": "text",
    "item_reason": "text",
    "x0": "whole",
    "y0": "whole",
    "x1": "whole",
    "y1": "whole",
    "stored_x0": "whole",
    "stored_y0": "whole",
    "stored_x1": "whole",
    "stored_y1": "whole",
    "mask_status": "text",
    "mask_file": "text",
    "mask_area_px": "whole",
    "mask_source": "text",
    "mask_fit": "real",
    "mask_soft_file": "text",
    "crop_file": "text",
}
"""Every column with its kind, in the order of the rows. Any of them may be null."""

_SPENT = ("cost_usd", "prompt_tokens", "output_tokens", "thought_tokens", "total_tokens")
_NOTHING_SPENT = dict.fromkeys(_SPENT)
_NO_BOX = (None,) * 4


def rows(
    found: StoredResult, *, split: Split | None = None, class_ids: Mapping[str, int] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one result; every row has the `COLUMNS`, in their order.

    `split` is null without a split, and `class_id` without class ids.

    Boxes are in pixels, half open: `x0` ... of the upright image, `stored_x0` ... of the file as stored. What the
    result cost, in dollars and tokens, stands in its first row only, so that a sum over rows is right.
    """
    head = _head(found, split)
    items = found.document.get("items") or found.document.get("classes") or [None]
    for number, item in enumerate(items):
        spent = {} if number == 0 else _NOTHING_SPENT
        class_id = class_ids[category(item)] if class_ids and item else None
        yield head | spent | _item({"index": number} | item if item else {}, class_id)


def _head(found: StoredResult, split: Split | None) -> dict[str, Any]:
    document = found.document
    source, image, error = document["source"], document["image"] or {}, document["error"] or {}
    model, transport, usage = document["model"], document["transport"] or {}, document["usage"] or {}
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
        "split": split.part_of(source) if split else None,
        "width": image.get("width"),
        "height": image.get("height"),
        "orientation": image.get("orientation"),
        "model": model["served"] or model["requested"],
        "model_requested": model["requested"],
        "model_served": model["served"],
        "transport": transport.get("kind"),
        "transport_bytes": transport.get("bytes"),
        "caption": document.get("caption"),
        "question": document.get("question"),
        "answer": document.get("answer"),
        "warnings": document["warnings"],
        "error_code": error.get("code"),
        "error_message": error.get("message"),
        **{key: usage.get(key) for key in _SPENT},
    }


def _item(item: Mapping[str, Any], class_id: int | None) -> dict[str, Any]:
    mask = item.get("mask") or {}
    return {
        "item_index": item.get("index"),
        "label": item.get("label"),
        "class_id": class_id,
        "text": item.get("text"),
        "text_language": item.get("language"),
        "item_status": item.get("status"),
        "item_reason": item.get("reason"),
        **_box("", item.get("box_px")),
        **_box("stored_", item.get("box_px_stored")),
        "mask_status": mask.get("status"),
        "mask_file": mask.get("file"),
        "mask_area_px": mask.get("area_px"),
        "mask_source": mask.get("source"),
        "mask_fit": mask.get("fit"),
        "mask_soft_file": mask.get("soft_file"),
        "crop_file": item.get("crop_file"),
    }


def _box(prefix: str, box: Sequence[int] | None) -> dict[str, int | None]:
    return {f"{prefix}{side}": value for side, value in zip(("x0", "y0", "x1", "y1"), box or _NO_BOX, strict=True)}
