from __future__ import annotations

import json
from typing import Any

import pytest

from infra.emulators.pubsub.avro import SchemaError, compile_schema

TREE = {
    "type": "record",
    "name": "Node",
    "namespace": "x.y",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ("string", "x", True),
        ("string", 1, False),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("int", 2**31 - 1, True),
        ("int", 2**31, False),
        ("int", True, False),
        ("long", 2**31, True),
        ("long", 2**63, False),
        ("double", 1, True),
        ("double", "1", False),
        ("null", None, True),
        ("null", False, False),
        (record(a="string"), {"a": "x"}, True),
        (record(a="string"), {"a": "x", "more": 1}, True),
        (record(a="string"), {}, False),
        (record(a="string"), "x", False),
        (record(a=["null", "string"]), {"a": None}, True),
        (record(a=["null", "string"]), {"a": {"string": "x"}}, True),
        (record(a=["null", "string"]), {"a": "x"}, False),
        (record(a=["null", "string"]), {"a": {"null": None}}, False),
        (record(a=["int", "string"]), {"a": None}, False),
        (record(a={"type": "string"}), {"a": "x"}, True),
        ({"type": "array", "items": "int"}, [1, 2], True),
        ({"type": "array", "items": "int"}, [1, "2"], False),
        ({"type": "map", "values": "int"}, {"k": 1}, True),
        ({"type": "map", "values": "int"}, {"k": "1"}, False),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "A", True),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", False),
        ({"type": "fixed", "name": "F", "size": 2}, "ab", True),
        ({"type": "fixed", "name": "F", "size": 2}, "abc", False),
        (TREE, {"next": {"x.y.Node": {"next": None}}}, True),
        (TREE, {"next": {"Node": {"next": None}}}, False),
        (TREE, {"next": {"x.y.Node": {}}}, False),
    ],
)
def test_a_schema_decides_what_a_message_may_be(schema: Any, value: Any, expected: bool) -> None:
    assert compile_schema(json.dumps(schema))(value) is expected


@pytest.mark.parametrize(
    "definition",
    [
        "{",
        "1",
        '"strange"',
        '{"type": "record", "name": "R"}',
        '{"type": "array"}',
        '{"type": "enum", "name": "E"}',
        "[1]",
    ],
)
def test_what_is_no_schema_is_refused(definition: str) -> None:
    with pytest.raises(SchemaError):
        compile_schema(definition)
