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
from shared.core.results.schemas import load_schema
from tests.closed_schema import closed, known_values, undocumented
from tests.contract.schema_growth import breaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.consumer import Result

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
    assert breaks(PROMISED[name], load_schema(name)) == []


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


def _objects(value: Any, schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every object in a value that has properties by its schema, with these."""
    for each in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if isinstance(value, dict) and "properties" in each:
            yield value, each["properties"]
            for name in value.keys() & each["properties"].keys():
                yield from _objects(value[name], each["properties"][name])
        if isinstance(value, list) and "items" in each:
            for one in value:
                yield from _objects(one, each["items"])


def _changed(value: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any], Any]]:
    """Yield copies of a value, each with one of its objects, to be changed there, and the properties of that."""
    for index in range(len(list(_objects(value, schema)))):
        copy = deepcopy(value)
        yield (copy, *list(_objects(copy, schema))[index])


@pytest.mark.parametrize(("name", "value"), EVERYTHING)
def test_a_new_field_anywhere_suits_readers_and_not_our_own_writer(name: str, value: dict[str, Any]) -> None:
    for copy, place, _ in _changed(value, load_schema(name)):
        place["later"] = 7

        assert schemas.problem(copy, name) is None
        assert "'later' was unexpected" in (undocumented(copy) or "")


@pytest.mark.parametrize(("name", "value"), EVERYTHING)
def test_a_new_value_anywhere_suits_readers_and_not_our_own_writer(name: str, value: dict[str, Any]) -> None:
    places = [
        (index, field)
        for index, (place, properties) in enumerate(_objects(value, load_schema(name)))
        for field, schema in properties.items()
        if field in place and known_values(schema) is not None
    ]
    assert places

    for index, field in places:
        copy = deepcopy(value)
        place, _ = list(_objects(copy, load_schema(name)))[index]
        place[field] = "later"

        assert schemas.problem(copy, name) is None
        assert "'later' is not one of" in (undocumented(copy) or "")
        if value.get("result", "") is not None:  # only a held event, by that name, may lack one
            assert (parse_event(copy) if name == schemas.RESULT_EVENT else _read(copy)).raw == copy


def _read(value: dict[str, Any]) -> Result:
    return parse_result(json.dumps(value), uri="gs://results/v1/uploads/square.jpg/7/detect.json")


@pytest.mark.parametrize(("name", "value"), EVERYTHING)
def test_what_was_stored_has_only_what_is_listed_today(name: str, value: dict[str, Any]) -> None:
    Draft202012Validator(closed(load_schema(name))).validate(value)


@pytest.mark.parametrize("name", [*SCHEMAS, schemas.IMAGE_EVENT])
def test_no_shipped_schema_closes_an_object_or_a_list_of_values(name: str) -> None:
    """But for the conditions of rules, which speak of known values."""

    def closing(schema: Any, place: str) -> Iterator[str]:
        if isinstance(schema, list):
            for index, each in enumerate(schema):
                yield from closing(each, f"{place}[{index}]")
        if not isinstance(schema, dict):
            return
        if "enum" in schema or schema.get("additionalProperties") is False or "unevaluatedProperties" in schema:
            yield place
        inner = schema if known_values(schema) is None else {}
        for key, each in inner.items():
            if key != "if":
                yield from closing(each, f"{place}.{key}")

    assert list(closing(load_schema(name), "$")) == []


_WRONG: tuple[Any, ...] = (None, 7, -1, "gs://x", [], {})


@pytest.mark.parametrize(("name", "value"), EVERYTHING)
def test_of_the_fields_and_values_of_then_todays_schema_says_what_the_promised_one_says(
    name: str, value: dict[str, Any]
) -> None:
    """Whatever else is wrong with a document: it was opened for new values, and for nothing else."""
    promised, today = Draft202012Validator(PROMISED[name]), Draft202012Validator(load_schema(name))
    places = [
        (index, field, properties[field].get("enum"))
        for index, (place, properties) in enumerate(_objects(value, PROMISED[name]))
        for field in place.keys() & properties.keys()
    ]
    for index, field, known in places:
        for wrong in [each for each in _WRONG if known is None or not isinstance(each, str)] + (known or []):
            copy = deepcopy(value)
            place, _ = list(_objects(copy, PROMISED[name]))[index]
            place[field] = wrong
            assert promised.is_valid(copy) == today.is_valid(copy), (field, wrong)


def _open(*values: str) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "enum": list(values)}, {"type": "string"}]}


def _narrow(new: dict[str, Any], *, to: list[str]) -> None:
    """Say of these statuses alone what the first rule says of all others."""
    said = new["allOf"][0].pop("else")
    new["allOf"].append({"if": {"properties": {"status": {"enum": to}}}, "then": said})


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
        lambda new: new["properties"].update(task=_open("caption", "detect", "segment", "classify", "ask", "measure")),
        lambda new: new["properties"]["created"].update(_open("today")),
        lambda new: new["properties"]["timing_ms"].update(properties={"model": {"type": "integer"}}),
        lambda new: _narrow(new, to=["ok", "empty"]),
    ],
    ids=["field", "nested-field", "enum-value", "condition", "words", "opened", "listed", "told", "else-of-the-known"],
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
        lambda new: new["properties"].update(task=_open("caption", "detect")),
        lambda new: new["properties"]["created"].update(enum=["today"]),
        lambda new: _narrow(new, to=["ok"]),
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
        "opened-without-a-value",
        "newly-closed-values",
        "else-of-too-few",
    ],
)
def test_everything_else_is_told(change: Callable[[dict[str, Any]], object], request: pytest.FixtureRequest) -> None:
    of_two_tasks = request.node.callspec.id == "rule-removed"  # told of for each
    assert len(_with(change)) == (2 if of_two_tasks else 1)
