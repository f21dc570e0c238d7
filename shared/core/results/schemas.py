"""The shipped JSON Schemas: whether a value is what it claims to be, and if not, where it departs."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from shared.core.results.compiled import compiled

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

    from shared.core.results.compiled import Fits

RESULT = "result.schema.json"
RESULT_EVENT = "result_event.schema.json"
IMAGE_EVENT = "image_event.schema.json"

_FOLDERS = {RESULT: "shared.core.results", RESULT_EVENT: "shared.core.results", IMAGE_EVENT: "shared.core.events"}


def problem(value: Any, schema: str = RESULT) -> str | None:
    """Return what keeps a value from fitting a shipped schema and where (a JSON path), or None."""
    if _fits(schema)(value):
        return None
    error = next(_validator(schema).iter_errors(value), None)
    return None if error is None else f"{error.json_path}: {error.message[:500]}"


def load_schema(name: str) -> dict[str, Any]:
    """Return a shipped schema."""
    schema: dict[str, Any] = json.loads(resources.files(_FOLDERS[name]).joinpath(name).read_text(encoding="utf-8"))
    return schema


@cache
def _fits(name: str) -> Fits:
    return compiled(load_schema(name))


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
