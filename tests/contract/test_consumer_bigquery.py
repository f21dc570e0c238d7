"""The example's BigQuery table takes every result event, by the rules of a subscription that uses the table's schema.

https://cloud.google.com/pubsub/docs/bigquery: a message is JSON; its fields go to the columns of their names; a column
that a message lacks, or has as null, must be NULLABLE; fields without a column are dropped with `drop_unknown_fields`,
and hold the message up without. No emulator writes to BigQuery, so these rules are applied here: what this cannot show
is Google's own reading of them, and permissions.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from shared.core.results import schemas

EXAMPLE = Path(__file__).resolve().parents[2] / "infra" / "examples" / "bigquery"
COLUMNS: list[dict[str, Any]] = json.loads((EXAMPLE / "result_events.json").read_text(encoding="utf-8"))
METADATA = {"subscription_name": "STRING", "message_id": "STRING", "publish_time": "TIMESTAMP", "attributes": "STRING"}
EVENTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "v1" / "events.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads(Path(schemas.__file__).with_name(schemas.RESULT_EVENT).read_text(encoding="utf-8"))

_TYPES = {"string": "STRING", "integer": "INTEGER", "number": "FLOAT", "boolean": "BOOLEAN", "object": "RECORD"}
_VALUES: dict[str, type | tuple[type, ...]] = {
    "STRING": str,
    "INTEGER": int,
    "FLOAT": (int, float),
    "BOOLEAN": bool,
    "RECORD": dict,
}


def refusals(message: dict[str, Any], columns: list[dict[str, Any]], place: str = "") -> list[str]:
    """Return why a message would stay in the subscription; an empty list: it becomes a row."""
    found = []
    for column in columns:
        name, value = f"{place}{column['name']}", message.get(column["name"])
        if value is None:
            found += [f"{name} is missing"] if column["mode"] == "REQUIRED" else []
        elif not isinstance(value, _VALUES[column["type"]]):
            found.append(f"{name} is no {column['type']}")
        elif column["type"] == "RECORD":
            found += refusals(message[column["name"]], column["fields"], f"{name}.")
    return found


def unstored(schema: dict[str, Any], columns: list[dict[str, Any]], place: str = "") -> list[str]:
    """Return what a schema allows and the columns do not take, each with its reason."""
    by_name = {column["name"]: column for column in columns}
    found = []
    for name, field in schema["properties"].items():
        column = by_name.get(name)
        if column is None:
            found.append(f"{place}{name} has no column")
            continue
        types = _json_types(field)
        if {_TYPES[each] for each in types - {"null"}} != {column["type"]}:
            found.append(f"{place}{name} may be {types}, the column is {column['type']}")
        if column["mode"] == "REQUIRED" and ("null" in types or name not in schema["required"]):
            found.append(f"{place}{name} may be missing, the column is REQUIRED")
        if column["type"] == "RECORD":
            found += unstored(field, column["fields"], f"{place}{name}.")
    return found


def _json_types(field: dict[str, Any]) -> set[str]:
    if "anyOf" in field:
        return {each for alternative in field["anyOf"] for each in _json_types(alternative)}
    named = field.get("type", "string")  # a `const` or an `enum`: all of ours are texts
    return {named} if isinstance(named, str) else set(named)


def test_every_field_of_an_event_has_a_column_of_its_type() -> None:
    assert unstored(SCHEMA, COLUMNS) == []


def test_there_is_no_column_that_nothing_fills() -> None:
    assert {column["name"] for column in COLUMNS} == SCHEMA["properties"].keys() | METADATA.keys()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['task']}-{event['status']}")
def test_every_event_becomes_a_row(event: dict[str, Any]) -> None:
    assert refusals(event, COLUMNS) == []


def test_the_columns_for_metadata_are_those_that_pubsub_writes() -> None:
    columns = {column["name"]: column for column in COLUMNS if column["name"] in METADATA}

    assert {name: column["type"] for name, column in columns.items()} == METADATA
    assert {column["mode"] for column in columns.values()} == {"NULLABLE"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"result": 7}, "result is no STRING"),
        ({"run": None}, "run is missing"),
        ({"counts": {"items": 1, "masks": 0, "files": 0}}, "counts.warnings is missing"),
        ({"source": "gs://uploads/cat.jpg"}, "source is no RECORD"),
    ],
)
def test_an_event_that_departs_would_be_noticed(change: dict[str, Any], reason: str) -> None:
    assert refusals(EVENTS[0] | change, COLUMNS) == [reason]


def test_the_subscription_takes_the_tables_schema_and_lets_additions_pass() -> None:
    text = (EXAMPLE / "subscription.tf").read_text(encoding="utf-8")

    for name in ("use_table_schema", "write_metadata", "drop_unknown_fields"):
        assert re.search(rf"^ +{name} += true\b", text, re.MULTILINE)
    assert "result_events.json" in text


def test_the_terraform_is_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    ended = subprocess.run(["terraform", "fmt", "-check", str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")
