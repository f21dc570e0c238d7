"""Events in and out: what is well formed comes back as it went, everything else is refused and nothing else raised."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import EventRejectedError
from shared.core.events.envelopes import (
    ImageEvent,
    Upload,
    batches,
    format_image_event,
    parse_image_event,
    parse_upload,
    pubsub_message,
    source_document,
)
from shared.core.ports import Message
from shared.core.results import schemas
from shared.core.tasks.catalogue import TASKS
from shared.core.values import Source, TaskSettings
from tests.strategies import json_values

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

RESOURCE = {
    "kind": "storage#object",
    "bucket": "uploads",
    "name": "a/cat.jpg",
    "generation": "1763712000000001",
    "metageneration": "1",
    "contentType": "image/jpeg",
    "size": "12345",
    "crc32c": "4waSgw==",
    "metadata": {"uplook-tasks": "caption"},
}
SOURCE = Source("uploads", "a/cat.jpg", 1763712000000001, 12345, "image/jpeg", "4waSgw==")
EVENT = ImageEvent(SOURCE, "detect", TaskSettings("gemini-3.8-flash", "Detect", "low", 25, 1000), "v1")
HALF_PAIR = "\ud83d"

_texts = st.text(min_size=1, max_size=20)
_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
_large = st.integers(1, 2**63 - 1)
_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), min_size=1, max_size=250).filter(
    lambda name: name not in {".", ".."}
)
_sources = st.builds(
    Source,
    bucket=_words,
    name=_names,
    generation=_large,
    size=st.none() | st.integers(0, 2**63 - 1),
    content_type=st.none() | _texts,
    crc32c=st.none() | _texts,
)
_settings = st.builds(
    TaskSettings,
    model=_texts,
    prompt=_texts,
    thinking=_texts,
    max_items=_large,
    max_bytes=_large,
    labels=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    question=st.none() | _texts,
    language=st.none() | _texts,
    multi_label=st.booleans(),
    system_instruction=st.none() | _texts,
    media_resolution=st.none() | _texts,
    safety=st.dictionaries(_texts, _texts, max_size=2).map(lambda table: tuple(sorted(table.items()))),
)
_events = st.builds(
    ImageEvent,
    source=_sources,
    task=st.sampled_from(list(TASKS)),
    settings=_settings,
    run=_words,
    redrive=st.integers(0, 9999),
)


def _document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(format_image_event(EVENT).data), **changes}


def _rejected(document: Any) -> EventRejectedError:
    with pytest.raises(EventRejectedError) as caught:
        parse_image_event(json.dumps(document).encode())
    return caught.value


@given(_events)
def test_an_image_event_comes_back_as_it_went_and_fits_its_schema(event: ImageEvent) -> None:
    message = format_image_event(event)

    assert parse_image_event(message.data) == event
    assert schemas.problem(json.loads(message.data), schemas.IMAGE_EVENT) is None


def test_settings_that_say_nothing_new_are_written_as_before_the_new_ones_existed() -> None:
    """The settings are part of the key: events in flight during an update must keep theirs."""
    assert _document()["settings"] == {
        "model": "gemini-3.8-flash",
        "prompt": "Detect",
        "thinking": "low",
        "max_items": 25,
        "max_bytes": 1000,
        "labels": [],
        "question": None,
        "language": None,
    }


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("multi_label", "yes", "settings.multi_label: expected true or false"),
        ("safety", ["OFF"], "settings.safety: expected an object of texts"),
        ("safety", {"HARM_CATEGORY_HARASSMENT": 0}, "settings.safety: expected an object of texts"),
    ],
)
def test_settings_of_another_type_are_refused(key: str, value: Any, expected: str) -> None:
    settings = _document()["settings"]

    assert expected in str(_rejected(_document(settings=settings | {key: value})))


@given(st.lists(st.none() | st.binary(max_size=11), max_size=20))
def test_a_batch_holds_as_many_messages_in_their_order_as_one_request_takes(payloads: list[bytes | None]) -> None:
    items = [None if data is None else Message(data, {}) for data in payloads]

    cut = list(batches(items, lambda item: item, max_bytes=10))

    assert [item for batch in cut for item in batch] == items
    weights = [[len(item.data) for item in batch if item is not None] for batch in cut]
    assert all(len(batch) == 1 or sum(weight) <= 10 for batch, weight in zip(cut, weights, strict=True))
    assert all(sum(one) + sum(other[:1]) > 10 for one, other in itertools.pairwise(weights))


def test_the_attributes_are_those_that_filters_need() -> None:
    assert format_image_event(EVENT).attributes == {
        "schema": "uplook.image/1",
        "task": "detect",
        "bucket": "uploads",
        "run": "v1",
    }


def test_the_generation_travels_as_text_because_it_exceeds_what_javascript_counts() -> None:
    assert source_document(SOURCE)["generation"] == "1763712000000001"


@pytest.mark.parametrize("data", [RESOURCE, json.dumps(RESOURCE), json.dumps(RESOURCE).encode()])
def test_a_storage_event_is_read_from_an_object_from_text_and_from_bytes(data: Any) -> None:
    assert parse_upload(data) == Upload(SOURCE, {"uplook-tasks": "caption"})


def test_numbers_may_be_json_numbers_too() -> None:
    upload = parse_upload({**RESOURCE, "generation": 1763712000000001, "size": 12345})

    assert upload.source == SOURCE


def test_what_an_upload_does_not_say_is_none() -> None:
    upload = parse_upload({"bucket": "uploads", "name": "x", "generation": "1"})

    assert upload == Upload(Source("uploads", "x", 1), {})


@pytest.mark.parametrize("size", ["-1", "1.5", "²", "٣", "9" * 20, -1, 1.5, True, [], {}, "12345 ", 1 << 63])
def test_a_size_that_makes_no_sense_is_not_said(size: Any) -> None:
    """Whoever reads the object finds out; a wrong number must not decide anything."""
    assert parse_upload({**RESOURCE, "size": size}).source.size is None


@pytest.mark.parametrize(
    "metadata", [None, [], "x", 5, {"a": 5}, {"a": {"b": "c"}}, {"a": HALF_PAIR}, {HALF_PAIR: "a"}]
)
def test_metadata_that_is_no_text_is_left_out(metadata: Any) -> None:
    assert parse_upload({**RESOURCE, "metadata": metadata}).metadata == {}


def test_a_declared_type_that_no_text_can_hold_is_left_out() -> None:
    assert parse_upload({**RESOURCE, "contentType": f"image/{HALF_PAIR}"}).source.content_type is None


@pytest.mark.parametrize(
    "generation",
    [
        None,
        "",
        "0",
        0,
        -1,
        "-1",
        "1.0",
        1.0,
        True,
        "²",
        "٣",
        "1_0",
        " 1",
        "1\n",
        "0x1",
        "9" * 20,
        2**63,
        pytest.param(10**5000, id="5001 digits"),
        [1],
    ],
)
def test_a_generation_is_a_whole_number_above_zero_of_64_bits(generation: Any) -> None:
    with pytest.raises(EventRejectedError, match="generation: expected a whole number above 0, found"):
        parse_upload({**RESOURCE, "generation": generation})


@pytest.mark.fault(24, 25, 26, 28)
@pytest.mark.parametrize(
    "name", ["ä" * 512, "🍋" * 256, "x" * 1024, "a/../../b", "\x00", "#[]*?", "//", "e\u0301", " "]
)
def test_every_name_that_cloud_storage_takes_is_taken(name: str) -> None:
    assert parse_upload({**RESOURCE, "name": name}).source.name == name


@pytest.mark.fault(27)
@pytest.mark.parametrize(
    "name",
    [None, "", 5, ["a"], ".", "..", "x" * 1025, "🍋" * 257, "a\nb", "a\rb", f"a{HALF_PAIR}b", f"a{HALF_PAIR}\n"],
)
def test_a_name_that_cloud_storage_forbids_is_refused(name: Any) -> None:
    with pytest.raises(EventRejectedError, match="name: expected") as caught:
        parse_upload({**RESOURCE, "name": name})

    assert str(caught.value).isprintable()  # whatever the name holds, the message is fit for a log
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("bucket", [None, "", 5, "..", ".", "a/b", "a b", "A", "b" * 223, HALF_PAIR])
def test_a_bucket_that_could_lead_elsewhere_is_refused(bucket: Any) -> None:
    """Results lie below the bucket's name: `a` with `b/c` and `a/b` with `c` would share them."""
    with pytest.raises(EventRejectedError, match="bucket: expected"):
        parse_upload({**RESOURCE, "bucket": bucket})


@pytest.mark.fault(7, 10)
@pytest.mark.parametrize("data", [None, 5, [], "[]", "null", b"\xff\xfe", b"", "", "{", b"[" * 100_000, True])
def test_what_is_no_object_is_refused(data: Any) -> None:
    with pytest.raises(EventRejectedError, match="Expected a storage object resource"):
        parse_upload(data)


@pytest.mark.fault(10)
def test_a_value_too_deep_to_be_printed_is_refused_like_any_other() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(EventRejectedError, match="name: expected a text, found a list"):
        parse_upload({**RESOURCE, "name": deep, "metadata": {"a": deep}})


def test_a_refusal_stays_short_whatever_it_quotes() -> None:
    assert len(_rejected(_document(schema="x" * 10**6)).message) < 400
    assert len(_rejected(_document(task="x" * 10**6)).message) < 400


@pytest.mark.fault(11, 12)
def test_unknown_fields_are_ignored() -> None:
    document = _document(colour="red")
    document["source"]["colour"] = document["settings"]["colour"] = [1]

    assert parse_image_event(json.dumps(document).encode()) == EVENT


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("uplook.image/2", "unknown_schema"),
        *((schema, "malformed_event") for schema in (None, 1, "", "uplook.result/1", ["uplook.image/1"])),
    ],
)
def test_another_schema_is_refused_by_name_and_another_version_is_no_malformed_event(schema: Any, code: str) -> None:
    error = _rejected(_document(schema=schema))

    assert error.code == code
    assert "Expected an event of uplook.image/1" in error.message


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source", None),
        ("source", []),
        ("task", None),
        ("task", ""),
        ("task", "../caption"),
        ("task", "Caption"),
        ("task", "t" * 33),
        ("run", None),
        ("run", "../v1"),
        ("run", "r" * 33),
        ("settings", None),
        ("settings", "x"),
        ("redrive", -1),
        ("redrive", True),
        ("redrive", "1"),
        ("redrive", 1.0),
        ("redrive", None),
        ("redrive", 10_000),
    ],
)
def test_a_field_that_makes_no_sense_is_named(key: str, value: Any) -> None:
    error = _rejected(_document(**{key: value}))

    assert (error.code, error.message.split(":")[0]) == ("malformed_event", key)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", None),
        ("prompt", ""),
        ("prompt", HALF_PAIR),
        ("thinking", 5),
        ("max_items", 0),
        ("max_items", True),
        ("max_items", "25"),
        ("max_items", 1e9),
        ("max_bytes", -1),
        ("max_bytes", None),
        ("max_bytes", 1 << 63),
        ("labels", "cat"),
        ("labels", 0),
        ("labels", ["cat", 5]),
        ("labels", [HALF_PAIR]),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(key: str, value: Any) -> None:
    error = _rejected(_document(settings={**_document()["settings"], key: value}))

    assert error.code == "malformed_event"
    assert error.message.split(":")[0].removeprefix("settings.") == key


@pytest.mark.parametrize("key", ["redrive", "settings.labels", "settings.question", "settings.language", "source.size"])
def test_what_may_be_left_out_has_a_default(key: str) -> None:
    document = _document()
    *parents, last = key.split(".")
    for parent in parents:
        document = document[parent]
    del document[last]
    whole = _document(**({parents[0]: document} if parents else {}))

    event = parse_image_event(json.dumps(whole).encode())

    size = None if key == "source.size" else 12345
    assert event == dataclasses.replace(EVENT, source=dataclasses.replace(SOURCE, size=size))


@pytest.mark.fault(116)
def test_a_task_that_exists_no_longer_is_still_an_event() -> None:
    """It is dead-lettered and recorded, not dropped as malformed."""
    assert parse_image_event(json.dumps(_document(task="paint")).encode()).task == "paint"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b"NaN"]
)
def test_an_image_event_that_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(EventRejectedError):
        parse_image_event(data)


def test_a_pubsub_push_gives_the_payload_and_its_attributes() -> None:
    body = {
        "message": {"data": "eyJhIjogMX0=", "messageId": "77", "attributes": {"task": "caption"}},
        "subscription": "s",
    }

    assert pubsub_message(body) == Message(b'{"a": 1}', {"task": "caption"})
    assert pubsub_message(json.dumps(body).encode()) == Message(b'{"a": 1}', {"task": "caption"})


@pytest.mark.parametrize("attributes", [None, [], "x", {"n": 5}])
def test_attributes_that_are_no_texts_are_left_out(attributes: Any) -> None:
    assert pubsub_message({"message": {"data": "", "attributes": attributes}}) == Message(b"", {})


@given(st.binary(max_size=200))
def test_any_payload_survives_its_base64(payload: bytes) -> None:
    assert pubsub_message({"message": {"data": base64.b64encode(payload).decode()}}).data == payload


@pytest.mark.fault(8)
@pytest.mark.parametrize("data", ["@@@@", "YQ", "YQ==YQ==", "ä", "YQ==\n", HALF_PAIR, " "])
def test_what_is_not_base64_is_refused(data: str) -> None:
    with pytest.raises(EventRejectedError) as caught:
        pubsub_message({"message": {"data": data}})

    assert caught.value.code == "bad_base64"


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"message": None},
        {"message": "x"},
        {"message": {"data": None}},
        {"message": {"data": 5}},
    ],
)
def test_what_is_no_push_is_refused(body: Any) -> None:
    with pytest.raises(EventRejectedError) as caught:
        pubsub_message(body)

    assert caught.value.code == "malformed_event"


@pytest.mark.fault(124)
@pytest.mark.parametrize(
    ("message", "attributes"), [({"attributes": {"a": "b"}}, {"a": "b"}), ({"data": ""}, {}), ({"messageId": "7"}, {})]
)
def test_what_pubsub_leaves_out_is_empty(message: dict[str, Any], attributes: dict[str, str]) -> None:
    assert pubsub_message({"message": message}) == Message(b"", attributes)


_texts_and_halves = st.text(st.characters() | st.sampled_from([HALF_PAIR, "\n"]), max_size=9)
_anything = json_values | _texts_and_halves | st.builds(lambda: [-(10**5000)]) | st.builds(lambda: 10**5000)


@given(st.dictionaries(st.sampled_from(list(RESOURCE)), _anything))
def test_whatever_a_storage_event_holds_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    upload = _read(parse_upload, {**RESOURCE, **changes})

    if upload is not None:
        event = dataclasses.replace(EVENT, source=upload.source)
        assert parse_image_event(format_image_event(event).data) == event


@pytest.mark.fault(10)
@given(
    st.dictionaries(st.sampled_from([*_document(), "other"]), _anything, max_size=2),
    st.dictionaries(st.sampled_from(list(_document()["source"])), _anything, max_size=2),
    st.dictionaries(st.sampled_from(list(_document()["settings"])), _anything, max_size=2),
)
def test_whatever_an_image_event_holds_it_is_read_or_refused(
    top: dict[str, Any], source: dict[str, Any], settings: dict[str, Any]
) -> None:
    whole = _document()
    document = {**whole, "source": {**whole["source"], **source}, "settings": {**whole["settings"], **settings}, **top}
    event = _read(parse_image_event, _json(document))

    if event is not None:
        assert parse_image_event(format_image_event(event).data) == event


def _read(parse: Callable[[Any], _T], data: Any) -> _T | None:
    try:
        return parse(data)
    except EventRejectedError:
        return None


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except ValueError:  # Python writes no number of more than 4,300 digits; others do
        return b'{"schema": "uplook.image/1", "redrive": 1' + b"0" * 5000 + b"}"


@given(_anything)
def test_whatever_a_push_body_holds_it_is_read_or_refused(body: Any) -> None:
    for one in (body, {"message": body}, {"message": {"data": body}}):
        found = _read(pubsub_message, one)
        assert found is None or isinstance(found.data, bytes)
