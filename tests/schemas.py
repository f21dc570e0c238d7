"""The shipped JSON Schemas, as validators."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator


def _validator(name: str) -> Draft202012Validator:
    schema = json.loads(resources.files("shared.core").joinpath(name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


RESULT = _validator("result.schema.json")
RESULT_EVENT = _validator("result_event.schema.json")
IMAGE_EVENT = _validator("image_event.schema.json")


def problems(validator: Draft202012Validator, document: Any) -> list[str]:
    """Return what does not fit, readable."""
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
