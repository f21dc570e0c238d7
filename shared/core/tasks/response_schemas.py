"""The JSON Schema that each task's answer is asked to keep to: flat, as the API's limits want it.

Lists of objects have no bounds: models refuse a schema with bounds inside of bounds, or with too many of them, as
"an invalid argument", and name no field. How much of an answer is taken is the reader's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.registry import ModelProfile
    from shared.core.values import TaskSettings

_BOX = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
_POLYGON = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
_TEXT = {"type": "string"}


def caption(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    """`{"caption": …}`."""
    return _object({"caption": _TEXT})


def answer(_model: ModelProfile, _settings: TaskSettings) -> Mapping[str, Any]:
    """`{"answer": …}`."""
    return _object({"answer": _TEXT})


def boxes(_model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any]:
    """`{"boxes": [{"label": …, "box_2d": …}]}`."""
    return _boxes({"label": _label(settings), "box_2d": _BOX})


def masks(model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any] | None:
    """The same with a polygon in `mask`; None for a model whose masks are PNGs."""
    if model.masks == "png":
        return None  # forced JSON breaks the PNG masks of 2.5 (placeholders instead of base64)
    return _boxes({"label": _label(settings), "box_2d": _BOX, "mask": _POLYGON})


def classes(_model: ModelProfile, settings: TaskSettings) -> Mapping[str, Any]:
    """`{"label": …}` out of the given labels, `{"labels": […]}` for several of them, or for open tags."""
    if not settings.labels:
        return _labels(_TEXT, settings.max_items)
    if not settings.multi_label:
        return _object({"label": _label(settings)})
    return _labels(_label(settings), min(settings.max_items, len(settings.labels)))


def _label(settings: TaskSettings) -> Mapping[str, Any]:
    """A label: one of those that are given, or any text."""
    return {"type": "string", "enum": list(settings.labels)} if settings.labels else _TEXT


def _labels(label: Mapping[str, Any], most: int) -> Mapping[str, Any]:
    return _object({"labels": {"type": "array", "items": label, "maxItems": most}})


def _boxes(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object({"boxes": {"type": "array", "items": _object(properties)}})


def _object(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
