"""The promise of docs/consumers.md: within version 1, documents and events only grow.

`v1/` holds the schemas as they were promised, with documents and events of that time. They are never edited; a release
may replace the schemas by its own, which by these tests are additions.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from shared.consumer import parse_event, parse_result
from shared.core.results import schemas
from tests.contract.schema_growth import breaks

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
V1 = Path(__file__).parent / "v1"
SCHEMAS = (schemas.RESULT, schemas.RESULT_EVENT)


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


PROMISED = {name: _load(V1 / name) for name in SCHEMAS}
STORED = {schemas.RESULT: _load(V1 / "documents.json"), schemas.RESULT_EVENT: _load(V1 / "events.json")}
EVERYTHING = [
    pytest.param(name, value, id=f"{name.partition('.')[0]}-{value['task']}-{value['status']}")
    for name in SCHEMAS
    for value in STORED[name]
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_todays_schema_only_adds_to_the_promised_one(name: str) -> None:
    assert breaks(PROMISED[name], _load(ROOT / "shared" / "core" / name)) == []


@pytest.mark.parametrize(("name", "value"), EVERYTHING)
def test_what_was_stored_under_the_promise_is_valid_today(name: str, value: dict[str, Any]) -> None:
    Draft202012Validator(PROMISED[name]).validate(value)

    assert schemas.problem(value, name) is None


@pytest.mark.parametrize("value", STORED[schemas.RESULT], ids=lambda value: f"{value['task']}-{value['status']}")
def test_todays_client_reads_what_was_stored(value: dict[str, Any]) -> None:
    result = parse_result(json.dumps(value), uri="gs://results/v1/uploads/square.jpg/7/detect.json")

    assert (result.task, result.status, result.source.name) == (value["task"], value["status"], value["source"]["name"])
    assert len(result.items or ()) == len(value.get("items", ()))


@pytest.mark.parametrize("value", STORED[schemas.RESULT_EVENT], ids=lambda value: f"{value['task']}-{value['status']}")
def test_todays_client_reads_the_events_of_then(value: dict[str, Any]) -> None:
    event = parse_event(json.dumps(value))

    assert (event.status, event.result, event.held) == (value["status"], value["result"], value["status"] == "held")


def test_the_promise_covers_every_status_there_was() -> None:
    of_events = set(PROMISED[schemas.RESULT_EVENT]["properties"]["status"]["enum"])

    assert {value["status"] for value in STORED[schemas.RESULT_EVENT]} == of_events
    assert {value["status"] for value in STORED[schemas.RESULT]} == of_events - {"held"}


def _with(change: Callable[[dict[str, Any]], object]) -> list[str]:
    grown = deepcopy(PROMISED[schemas.RESULT])
    change(grown)
    return breaks(PROMISED[schemas.RESULT], grown)


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].update(weather={"type": "string"}),
        lambda new: new["properties"]["usage"]["anyOf"][0]["properties"].update(cached_tokens={"type": "integer"}),
        lambda new: new["properties"]["task"]["enum"].append("measure"),
        lambda new: new["allOf"].insert(0, {"if": {"properties": {"task": {"const": "measure"}}}, "then": {}}),
        lambda new: new["properties"]["created"].update(description="When the model had answered."),
    ],
    ids=["field", "nested-field", "enum-value", "condition", "words"],
)
def test_an_addition_is_none_of_its_business(change: Callable[[dict[str, Any]], object]) -> None:
    assert _with(change) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].pop("usage"),
        lambda new: new["properties"]["items"]["items"]["properties"].pop("box_px"),
        lambda new: new["required"].remove("created"),
        lambda new: new["required"].append("caption"),
        lambda new: new["properties"]["caption"].update(type=["string", "null"]),
        lambda new: new["properties"]["caption"].update(maxLength=80),
        lambda new: new["properties"]["id"].pop("pattern"),
        lambda new: new["properties"]["status"]["enum"].remove("skipped"),
        lambda new: new["properties"]["schema"].update(const="uplook.result/2"),
        lambda new: new["properties"]["model"].update(anyOf=[{"type": "object"}]),
        lambda new: new["properties"]["image"]["anyOf"].append({"type": "string"}),
        lambda new: new["allOf"].pop(),
        lambda new: new["allOf"].append({"required": ["caption"]}),
        lambda new: new.update(additionalProperties=False),
    ],
    ids=[
        "field-removed",
        "nested-field-removed",
        "no-longer-required",
        "newly-required",
        "type-widened",
        "newly-limited",
        "pattern-lifted",
        "enum-value-removed",
        "other-major",
        "alternatives-added",
        "alternative-added",
        "rule-removed",
        "rule-for-all-added",
        "closed",
    ],
)
def test_everything_else_is_told(change: Callable[[dict[str, Any]], object]) -> None:
    assert len(_with(change)) == 1
