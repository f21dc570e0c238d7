"""A JSON Schema as a plain Python function: whether a value fits, some thirty times faster than asking jsonschema.

Only the keywords of the shipped schemas are known; one more makes `compiled` refuse the schema. Where a value does not
fit, jsonschema says where and why: here is only yes or no, and both have to agree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Fits: TypeAlias = "Callable[[Any], bool]"

_SILENT: Final = frozenset({"$schema", "$id", "title", "description", "then"})
"""Keywords that refuse nothing by themselves."""


def compiled(schema: Mapping[str, Any]) -> Fits:
    """Return the function that tells whether a value, parsed from JSON, fits this schema.

    Raises:
        NotImplementedError: the schema has a keyword, or a type, that is not known here.
    """
    checks = [_check(keyword, value, schema) for keyword, value in schema.items() if keyword not in _SILENT]
    return _all(checks)


def _check(keyword: str, value: Any, schema: Mapping[str, Any]) -> Fits:
    if keyword not in _KEYWORDS:
        raise NotImplementedError(f"expected one of {', '.join(sorted(_KEYWORDS))}, found the keyword {keyword}")
    return _KEYWORDS[keyword](value, schema)


def _all(checks: list[Fits]) -> Fits:
    if len(checks) == 1:
        return checks[0]

    def fits(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - a generator would take as long as the checks
            if not check(value):
                return False
        return True

    return fits


def _is_integer(value: Any) -> bool:
    return value.__class__ is int or (value.__class__ is float and value.is_integer())


_TYPES: Final[Mapping[str, Fits]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: value.__class__ in (int, float),
    "boolean": lambda value: value.__class__ is bool,
    "null": lambda value: value is None,
}


def _type(types: str | list[str], _: Mapping[str, Any]) -> Fits:
    names = [types] if isinstance(types, str) else types
    unknown = set(names) - set(_TYPES)
    if unknown:
        raise NotImplementedError(f"expected one of the types {', '.join(_TYPES)}, found {', '.join(unknown)}")
    checks = [_TYPES[name] for name in names]
    return checks[0] if len(checks) == 1 else _any(checks)


def _any(checks: list[Fits]) -> Fits:
    def fits(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - as above
            if check(value):
                return True
        return False

    return fits


def _enum(values: list[Any], _: Mapping[str, Any]) -> Fits:
    if not all(value is None or isinstance(value, str | bool) for value in values):
        raise NotImplementedError("expected constants that are texts, true, false or null")
    known = frozenset(value for value in values if isinstance(value, str))
    others = [value for value in values if not isinstance(value, str)]  # Python takes 1 for True
    return lambda value: value in known if isinstance(value, str) else any(value is other for other in others)


def _properties(properties: Mapping[str, Any], _: Mapping[str, Any]) -> Fits:
    # What has no keyword of its own need not be looked at.
    checks = {name: compiled(each) for name, each in properties.items() if each.keys() - _SILENT}

    def fits(value: Any) -> bool:
        if isinstance(value, dict):
            for name, each in value.items():
                if name in checks and not checks[name](each):
                    return False
        return True

    return fits


def _additional(rest: Any, schema: Mapping[str, Any]) -> Fits:
    if not isinstance(rest, dict):
        raise NotImplementedError("expected a schema as additionalProperties")
    known, check = frozenset(schema.get("properties", ())), compiled(rest)
    return lambda value: (
        not isinstance(value, dict) or all(check(each) for name, each in value.items() if name not in known)
    )


def _required(names: list[str], _: Mapping[str, Any]) -> Fits:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or wanted <= value.keys()


def _items(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Fits:
    check = compiled(schema)

    def fits(value: Any) -> bool:
        if isinstance(value, list):
            for each in value:
                if not check(each):
                    return False
        return True

    return fits


def _if(condition: Mapping[str, Any], schema: Mapping[str, Any]) -> Fits:
    applies, then = compiled(condition), compiled(schema.get("then", {}))
    return lambda value: not applies(value) or then(value)


def _pattern(pattern: str, _: Mapping[str, Any]) -> Fits:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


_KEYWORDS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Fits]]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda value, schema: _enum([value], schema),
    "pattern": _pattern,
    "minLength": lambda least, _: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most, _: lambda value: not isinstance(value, str) or len(value) <= most,
    "minimum": lambda least, _: lambda value: value.__class__ not in (int, float) or value >= least,
    "maximum": lambda most, _: lambda value: value.__class__ not in (int, float) or value <= most,
    "minItems": lambda least, _: lambda value: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda most, _: lambda value: not isinstance(value, list) or len(value) <= most,
    "items": _items,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "anyOf": lambda schemas, _: _any([compiled(each) for each in sorted(schemas, key=len)]),  # the simplest first
    "allOf": lambda schemas, _: _all([compiled(each) for each in schemas]),
    "if": _if,
}
