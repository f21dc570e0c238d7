"""A document with every field that a schema lists, each with a value of its own, and where each value turns up."""

from __future__ import annotations

import itertools
import re
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from shared.export.reading import StoredResult
from shared.export.rows import rows
from tests.closed_schema import known_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIRST = 100
_KEY = "key "  # of a map
_TEXTS = ("text {}", "text-{}", "text_{}", "gs://text/{}", "{}", "{:06d}==", "{:064x}")


def sample(schema: Mapping[str, Any], numbers: Iterator[int] | None = None) -> Any:
    """Return a value that has all that a schema lists; no two of its texts and numbers are the same.

    The first of several alternatives is taken, and a new text where values are known: readers take it.
    """
    numbers = numbers or itertools.count(_FIRST)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0 if known_values(schema) is None else 1] | _pattern(schema), numbers)
    if "const" in schema:
        return schema["const"]
    if "properties" in schema:
        return {name: sample(each, numbers) for name, each in schema["properties"].items()}
    if "additionalProperties" in schema:
        return {f"{_KEY}{next(numbers)}": sample(schema["additionalProperties"], numbers)}
    if "items" in schema:
        return [sample(schema["items"], numbers) for _ in range(schema.get("maxItems", 1))]
    return _scalar(schema or {"type": "string"}, next(numbers))  # an empty schema takes anything


def _pattern(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in ("pattern",) if key in schema}


def _scalar(schema: Mapping[str, Any], number: int) -> Any:
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        most = schema.get("maximum", number)
        if number <= most:
            return number
        return number % most + 1 if kind == "integer" else round(most * number / 1000, 6)
    texts = (each.format(number) for each in _TEXTS)
    return next(text for text in texts if re.search(schema.get("pattern", ""), text))


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values inside a JSON value or a dataclass by their paths, of lists the first: `items[].label`."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, list | tuple) and value and (isinstance(value[0], dict) or is_dataclass(value[0])):
        return leaves(value[0], f"{path}[]")
    if isinstance(value, dict) and not any(name.startswith(_KEY) for name in value):
        inside = ((f"{path}.{name}" if path else name, each) for name, each in value.items())
        return {where: leaf for name, each in inside for where, leaf in leaves(each, name).items()}
    return {path: list(value) if isinstance(value, tuple) else value}


def columns(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns of an export's table in which the value of each path of a sample stands."""
    unserved = {**document["model"], "served": None}
    variants = (document, {**document, "items": None}, {**document, "model": unserved})
    table = [row for variant in variants for row in rows(StoredResult("a place", dict(variant)))]
    return {
        path: sorted(
            {name for row in table for name, cell in row.items() if _stands_in(cell, value)}, key=_order(table)
        )
        for path, value in leaves(document).items()
    }


def _stands_in(cell: Any, value: Any) -> bool:
    if isinstance(value, list):
        return cell is not None and (cell == value or cell in value)
    return value is not True and cell == value


def _order(table: list[dict[str, Any]]) -> Any:
    return list(table[0]).index
