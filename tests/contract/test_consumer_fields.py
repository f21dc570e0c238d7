"""Schema, client, exports and documentation know the same fields: whoever adds one to the schema is told what is left.

A document is made that has every field of the schema, each with a value of its own, and read by the client: the values
must turn up under the same names.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.consumer import parse_event, parse_result
from shared.core.results import schemas
from shared.core.results.schemas import load_schema
from shared.export.reading import StoredResult
from shared.export.rows import rows
from tests.closed_schema import undocumented
from tests.export_documents import document, failed, item, mask_of
from tests.field_samples import columns, leaves, sample
from tests.fields_page import PAGE, page, paths

RESULT: dict[str, Any] = sample(load_schema(schemas.RESULT))
for _key in ("file", "soft_file"):
    RESULT["items"][0]["mask"][_key] = RESULT["files"][0]["name"]  # an item names files of the document
RESULT["items"][0]["crop_file"] = RESULT["files"][0]["name"]
EVENT: dict[str, Any] = sample(load_schema(schemas.RESULT_EVENT))

_RENAMED = {"files[].name": "files[].uri"}
_CLIENTS_OWN = ("uri", "raw")
_ITEM_FILES = ("items[].mask.file", "items[].mask.soft_file", "items[].crop_file")
_NOT_OF_AN_EVENT = ("source.size", "source.content_type", "source.crc32c")  # the client has one value for both sources


def _lacking(written: dict[str, Any], read: dict[str, Any]) -> list[str]:
    """Return what of a written document a reader did not get, or not as it was written."""
    return [
        f"{path}: {value!r} in the document, {read.get(_RENAMED.get(path, path))!r} in the client"
        for path, value in leaves(written).items()
        if path != "schema" and not _same(value, read.get(_RENAMED.get(path, path)))
    ]


def _same(written: Any, read: Any) -> bool:
    return bool(written == read or str(written) == str(read) or f"gs://results/{written}" == read)


def test_the_sample_has_every_field_and_no_value_twice() -> None:
    for file, value in ((schemas.RESULT, RESULT), (schemas.RESULT_EVENT, EVENT)):
        listed = [path for path, schema, _ in paths(load_schema(file)) if not _has_properties(schema)]
        values = [
            json.dumps(each)
            for path, each in leaves(value).items()
            if each is not True and ".mask." not in path and path != "items[].crop_file"
        ]

        assert list(leaves(value)) == listed
        assert len(set(values)) == len(values)
        assert schemas.problem(value, file) is None


def _has_properties(schema: dict[str, Any]) -> bool:
    return any("properties" in (each | each.get("items", {})) for each in (schema, *schema.get("anyOf", ())))


def test_the_client_has_every_field_of_a_result_under_its_name() -> None:
    read = parse_result(json.dumps(RESULT), uri="gs://results/v1/a.json")
    named = dict.fromkeys(_ITEM_FILES, read.files[0].uri) if read.items and read.items[0].mask else {}

    assert _lacking(RESULT, leaves(read) | named) == [], "add the field to shared/consumer/values.py and documents.py"


def test_the_client_has_every_field_of_an_event_under_its_name() -> None:
    assert _lacking(EVENT, leaves(parse_event(EVENT))) == [], "add the field to shared/consumer/values.py and events.py"


def test_the_client_has_no_field_that_the_schema_does_not_list() -> None:
    result = leaves(parse_result(json.dumps(RESULT), uri="gs://results/v1/a.json"))
    known = {_RENAMED.get(path, path) for path in leaves(RESULT)}
    inside = (*_CLIENTS_OWN, *(f"{path}." for path in _ITEM_FILES))
    unlisted = {path for path in result if path not in known and not path.startswith(inside)}
    of_events = leaves(parse_event(EVENT)).keys() - leaves(EVENT).keys()

    assert unlisted == set()
    assert {path for path in of_events if not path.startswith(_CLIENTS_OWN)} == set(_NOT_OF_AN_EVENT)


def test_every_column_of_an_export_is_a_field_of_the_schema() -> None:
    """But for `result`, where the document was found, and for what an export adds: the class's id and the split."""
    (row,) = rows(StoredResult("gs://results/v1/a.json", RESULT))

    assert {name for names in columns(RESULT).values() for name in names} == row.keys() - {
        "result",
        "class_id",
        "split",
    }


def test_every_field_has_its_words() -> None:
    """Of the image event too: none is read by strangers, and all are read by whoever works on Uplook."""
    for file in (schemas.RESULT, schemas.RESULT_EVENT, schemas.IMAGE_EVENT):
        assert [
            path for path, schema, _ in paths(load_schema(file)) if not schema.get("description", "").endswith(".")
        ] == []


def test_the_page_shows_every_field() -> None:
    """If not: python -m tests.fields_page."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    "value", [document([item("cat", (0, 0, 1, 1), mask=mask_of("m.png"))]), document([], status="partial"), failed()]
)
def test_the_documents_that_tests_make_by_hand_have_what_the_pipeline_writes_and_no_more(value: dict[str, Any]) -> None:
    assert undocumented(value) is None
