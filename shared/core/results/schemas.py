"""The shipped JSON Schemas: whether a value is what it claims to be, and if not, where it departs."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema_rs import Draft202012Validator

RESULT = "result.schema.json"
RESULT_EVENT = "result_event.schema.json"
IMAGE_EVENT = "image_event.schema.json"

_FOLDERS = {RESULT: "shared.core.results", RESULT_EVENT: "shared.core.results", IMAGE_EVENT: "shared.core.events"}


def problem(value: Any, schema: str = RESULT) -> str | None:
    """Return what keeps a value from fitting a shipped schema and where (a JSON path), or None."""
    validator = _validator(schema)
    try:
        if validator.is_valid(value):  # much faster than to look for errors
            return None
        # What a document claims to be says most: the rest follows from it.
        error = min(validator.iter_errors(value), key=lambda each: each.instance_path != ["schema"])
    except (
        ValueError
    ) as too_deep:  # it is nested deeper than the validator walks, some 250 levels: no document of ours is
        return f"$: {too_deep}"
    return f"{_json_path(error.instance_path)}: {error.message[:500]}"


def load_schema(name: str) -> dict[str, Any]:
    """Return a shipped schema."""
    schema: dict[str, Any] = json.loads(resources.files(_FOLDERS[name]).joinpath(name).read_text(encoding="utf-8"))
    return schema


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(load_schema(name))


def _json_path(parts: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
