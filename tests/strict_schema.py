"""What ajv's strict mode asks of a JSON Schema beyond being valid: https://ajv.js.org/strict-mode.html.

These are the rules that concern the keywords that our schemas use; a keyword that is not listed here is refused, so
that a rule for it is written before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OF_TYPE: Final = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"pattern", "minLength", "maxLength", "format"},
    "number": {"minimum", "maximum"},
}
_OF_ANY: Final = {"type", "enum", "const", "anyOf", "allOf", "if", "then", "title", "description", "$schema", "$id"}
_FORMATS: Final = {"date-time", "date", "time", "uri"}
_Schema = dict[str, Any]


def departures(schema: _Schema) -> list[str]:
    """Return what ajv would refuse in strict mode, each with its place; an empty list: it compiles."""
    return list(_check(schema, "$", frozenset()))


def _check(schema: _Schema, place: str, outer: frozenset[str]) -> Iterator[str]:
    """Check a schema; `outer` are the types of schemas around it, of the same value."""
    listed = schema.get("type", [])
    own = frozenset([listed] if isinstance(listed, str) else listed)
    if len(own - {"null"}) > 1:
        yield f"{place}: several types beside null (strictTypes)"
    if own and outer and not _widened(own) <= _widened(outer):
        yield f"{place}: {sorted(own)} contradicts {sorted(outer)} around it (strictTypes)"
    types = own or outer
    yield from _keywords(schema, place, _widened(types))
    if schema.get("format", "date") not in _FORMATS:
        yield f"{place}: unknown format {schema['format']!r}"
    if ("if" in schema) != ("then" in schema):
        yield f"{place}: if and then need each other (strictSchema)"
    if isinstance(schema.get("items"), list) or "prefixItems" in schema:
        yield f"{place}: a tuple needs its length (strictTuples)"
    for name in schema.get("required", ()):
        if name not in schema.get("properties", {}):  # ajv sees those of schemas around it too late
            yield f"{place}: required {name!r} is not among the properties (strictRequired)"
    yield from _inside(schema, place)
    for where, each in _in_place(schema):
        yield from _check(each, f"{place}.{where}", types)


def _widened(types: frozenset[str]) -> frozenset[str]:
    """Whole numbers are numbers."""
    return types | {"number"} if "integer" in types else types


def _keywords(schema: _Schema, place: str, types: frozenset[str]) -> Iterator[str]:
    for keyword in schema:
        needed = next((kind for kind, keywords in _OF_TYPE.items() if keyword in keywords), None)
        if needed is None and keyword not in _OF_ANY:
            yield f"{place}: unknown keyword {keyword!r} (strictSchema)"
        elif needed is not None and needed not in types:
            yield f"{place}: {keyword!r} without type {needed!r} (strictTypes)"


def _inside(schema: _Schema, place: str) -> Iterator[str]:
    """Check the schemas of what is inside the value: nothing said of the value itself holds there."""
    inner: Mapping[str, Any] = {
        **{f"properties.{name}": each for name, each in schema.get("properties", {}).items()},
        **{key: schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)},
    }
    for where, each in inner.items():
        yield from _check(each, f"{place}.{where}", frozenset())


def _in_place(schema: _Schema) -> Iterator[tuple[str, _Schema]]:
    """Yield the schemas of the same value, with their places."""
    for key in ("anyOf", "allOf"):
        for index, each in enumerate(schema.get(key, ())):
            yield f"{key}[{index}]", each
    for key in ("if", "then"):
        if key in schema:
            yield key, schema[key]
