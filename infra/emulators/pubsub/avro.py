"""Avro schemas over JSON-encoded messages: a definition to a predicate over decoded JSON.

JSON encoding (https://avro.apache.org/docs/1.11.1/specification/#json-encoding): every field must be there, defaults
do not count, and a value of a union other than null is wrapped in `{"<type name>": value}`. Fields that the schema
does not name are let through, as Google's own emulator does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]


class SchemaError(ValueError):
    """A definition that is no Avro schema; the message says what is wrong."""


def compile_schema(definition: str) -> Check:
    """Return the predicate that tells whether decoded JSON is a value of the schema.

    Raises:
        SchemaError: the definition is no Avro schema.
    """
    try:
        return _Compiler().check(json.loads(definition), "")
    except json.JSONDecodeError as error:
        raise SchemaError(f"the definition is not JSON: {error}") from error


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(bits: int) -> Check:
    return lambda value: _number(value) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


_PRIMITIVES: dict[str, Check] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "int": _whole(32),
    "long": _whole(64),
    "float": _number,
    "double": _number,
    "bytes": lambda value: isinstance(value, str),
    "string": lambda value: isinstance(value, str),
}


class _Compiler:
    """Builds predicates; knows the named types met so far, so that types can refer to one another."""

    def __init__(self) -> None:
        self._named: dict[str, Check] = {}

    def check(self, schema: Any, namespace: str) -> Check:
        if isinstance(schema, str):
            return self._reference(schema, namespace)
        if isinstance(schema, list):
            return self._union(schema, namespace)
        if not isinstance(schema, dict) or "type" not in schema:
            raise SchemaError(f"expected a type, found {schema!r}")
        build = {"array": self._array, "map": self._map} | dict.fromkeys(("record", "enum", "fixed"), self._define)
        kind = schema["type"]
        return build[kind](schema, namespace) if kind in list(build) else self.check(kind, namespace)

    def _reference(self, name: str, namespace: str) -> Check:
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        full = _full_name(name, namespace)
        if full not in self._named:
            raise SchemaError(f"unknown type {name}")
        # Looked up late: inside its own definition, a type is not complete yet.
        return lambda value: self._named[full](value)  # noqa: PLW0108 - see above

    def _union(self, branches: list[Any], namespace: str) -> Check:
        checks = {_label(branch, namespace): self.check(branch, namespace) for branch in branches}

        def check(value: Any) -> bool:
            if value is None or not isinstance(value, dict) or len(value) != 1:
                return value is None and "null" in checks
            ((label, inner),) = value.items()
            return label != "null" and label in checks and checks[label](inner)

        return check

    def _array(self, schema: dict[str, Any], namespace: str) -> Check:
        item = self.check(schema.get("items"), namespace)
        return lambda value: isinstance(value, list) and all(map(item, value))

    def _map(self, schema: dict[str, Any], namespace: str) -> Check:
        item = self.check(schema.get("values"), namespace)
        return lambda value: isinstance(value, dict) and all(map(item, value.values()))

    def _define(self, schema: dict[str, Any], namespace: str) -> Check:
        full = _full_name(_required(schema, "name", str), schema.get("namespace", namespace))
        self._named[full] = lambda _: False
        self._named[full] = self._definition(schema, full.rpartition(".")[0])
        return self._named[full]

    def _definition(self, schema: dict[str, Any], namespace: str) -> Check:
        if schema["type"] == "enum":
            symbols = _required(schema, "symbols", list)
            return lambda value: value in symbols
        if schema["type"] == "fixed":
            size = _required(schema, "size", int)
            return lambda value: isinstance(value, str) and len(value) == size
        fields = {
            _required(field, "name", str): self.check(field.get("type"), namespace)
            for field in _required(schema, "fields", list)
        }
        return lambda value: (
            isinstance(value, dict) and all(n in value and check(value[n]) for n, check in fields.items())
        )


def _required(schema: Any, key: str, kind: type) -> Any:
    if not isinstance(schema, dict) or not isinstance(schema.get(key), kind):
        raise SchemaError(f"expected {key} ({kind.__name__}) in {schema!r}")
    return schema[key]


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _label(branch: Any, namespace: str) -> str:
    if isinstance(branch, str):
        return branch if branch in _PRIMITIVES else _full_name(branch, namespace)
    if not isinstance(branch, dict) or not isinstance(branch.get("type"), str):
        raise SchemaError(f"expected a type in a union, found {branch!r}")
    return _full_name(branch["name"], branch.get("namespace", namespace)) if "name" in branch else str(branch["type"])
