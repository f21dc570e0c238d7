"""docs/fields.md, made of the shipped schemas and of what exports do with each field: `python -m tests.fields_page`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.results import schemas
from shared.core.results.schemas import load_schema
from tests import markdown
from tests.closed_schema import known_values
from tests.field_samples import columns, sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fields.md"

_MOST_LISTED = 10
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_HEAD = """\
# Fields

Every field of result documents and result events, as the [result schema](../shared/core/results/result.schema.json) and
the [event schema](../shared/core/results/result_event.schema.json) list them. `[]` is each entry of a list. *Optional*
fields are absent where they do not apply. The [client](consumers.md) has the same names, but for `files[].name`, which
it gives as `uri`. Within version 1 there may be more fields and more values: see
[what version 1 promises](consumers.md#what-version-1-promises).

This page is made by `.venv/bin/python -m tests.fields_page`; its words stand in the schemas.
"""


def page() -> str:
    """Return the page."""
    return f"{_HEAD}\n## Result document\n\n{_results()}\n## Result event\n\n{_events()}"


def paths(schema: Mapping[str, Any], path: str = "", *, required: bool = True) -> Iterator[tuple[str, Any, bool]]:
    """Yield every property that a schema lists: its path (`items[].label`), its schema, and whether it is required."""
    if path:
        yield path, schema, required
    for each in (schema, *schema.get("anyOf", ())):
        for name, field in each.get("properties", {}).items():
            yield from paths(field, f"{path}.{name}" if path else name, required=name in each.get("required", ()))
        if "properties" in each.get("items", {}):
            for name, field in each["items"]["properties"].items():
                yield from paths(field, f"{path}[].{name}", required=name in each["items"].get("required", ()))


def _results() -> str:
    schema = load_schema(schemas.RESULT)
    where = columns(sample(schema))
    rows = [
        [*_cells(path, field, required=required), ", ".join(f"`{name}`" for name in where.get(path, ())) or "none"]
        for path, field, required in paths(schema)
    ]
    words = "*Column* is the one of `.venv/bin/python -m shared.export jsonl` ([exports](exports.md)).\n\n"
    return words + markdown.table(["field", "value", "meaning", "column"], rows)


def _events() -> str:
    rows = [
        _cells(path, field, required=required) for path, field, required in paths(load_schema(schemas.RESULT_EVENT))
    ]
    return markdown.table(["field", "value", "meaning"], rows)


def _cells(path: str, field: Mapping[str, Any], *, required: bool) -> list[str]:
    return [f"`{path}`", _value(field) + ("" if required else ", optional"), field["description"].replace("|", "\\|")]


def _value(field: Mapping[str, Any]) -> str:
    """Say in words which values a field may have."""
    values = known_values(field)
    if values is not None:
        texts = [f"`{each}`" for each in values if each is not None]
        listed = ", ".join(texts) if len(texts) <= _MOST_LISTED else "a [code](consumers.md#error-codes)"
        return f"{listed}, or null" if None in values else listed
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_value(each) for each in field["anyOf"])
    return _list(field) if field["type"] == "array" else _type(field["type"])


def _type(kind: str | list[str]) -> str:
    return " or ".join(_type(each) for each in kind) if isinstance(kind, list) else _TYPES.get(kind, kind)


def _list(field: Mapping[str, Any]) -> str:
    many = f"{_type(field['items']['type'])}s"
    return f"{field['maxItems']} {many}" if "maxItems" in field else f"list of {many}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
