"""Pieces of the JSON Schema that a task's answer is asked to keep to: flat, as the API's limits want it.

Lists of objects have no bounds: models refuse a schema with bounds inside of bounds, or with too many of them, as
"an invalid argument", and name no field. How much of an answer is taken is the reader's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.values import TaskSettings

BOX = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
POLYGON = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
TEXT = {"type": "string"}


def label(settings: TaskSettings) -> Mapping[str, Any]:
    """A label: one of those that are given, or any text."""
    return {"type": "string", "enum": list(settings.labels)} if settings.labels else TEXT


def json_object(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object with these json_object, all of them."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def entries(key: str, **properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{key: [{…}]}`, with these json_object in each entry."""
    return json_object(**{key: {"type": "array", "items": json_object(**properties)}})
