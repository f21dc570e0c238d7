"""A paid answer is kept as it came, and a damaged entry is told from a good one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.journal import (
    Asked,
    JournalError,
    JournalledReply,
    SentImage,
    format_reply,
    parse_reply,
)
from shared.core.gemini.transport import Transport
from shared.core.values import ImageInfo
from tests.strategies import json_values

REPLY = JournalledReply(
    key="k",
    attempt="attempt-1",
    model="gemini-3.8-flash",
    answered_at="2026-11-21T00:16:40.000Z",
    image=ImageInfo(80, 60, "jpeg", "image/jpeg", orientation=6, warnings=("odd",)),
    transport=Transport("inline", "image/jpeg", 900, reused=False, reason="it fits", changes=("turned upright",)),
    timing_ms={"download": 3, "model": 800},
    response={"candidates": [{"content": {"parts": [{"text": "Ein Löwe 🦁"}]}}]},
)

_images = st.builds(
    ImageInfo,
    width=st.integers(1),
    height=st.integers(1),
    format=st.text(),
    mime_type=st.text(),
    orientation=st.integers(1, 8),
    frames=st.integers(1),
    mode=st.text(),
    warnings=st.lists(st.text(), max_size=3).map(tuple),
)
_transport = st.builds(
    Transport,
    kind=st.sampled_from(["inline", "file"]),
    mime_type=st.text(),
    bytes=st.integers(0),
    reused=st.booleans(),
    reason=st.text(),
    changes=st.lists(st.text(), max_size=3).map(tuple),
)
_no_nan = json_values.filter(lambda value: "NaN" not in json.dumps(value))  # NaN differs from itself
_asked = st.builds(
    Asked,
    question=st.text(),
    images=st.lists(
        st.builds(
            SentImage,
            uri=st.text(),
            generation=st.none() | st.integers(1),
            crc32c=st.none() | st.text(),
            sha256=st.none() | st.text(),
            image=_images,
            transport=_transport,
        ),
        max_size=3,
    ).map(tuple),
)
_replies = st.builds(
    JournalledReply,
    key=st.text(),
    attempt=st.text(),
    model=st.text(),
    answered_at=st.text(),
    image=_images,
    transport=_transport,
    timing_ms=st.dictionaries(st.text(), st.integers(0), max_size=3),
    response=st.dictionaries(st.text(), _no_nan, max_size=4),
    asked=st.none() | _asked,
)


def _entry(**changes: Any) -> bytes:
    return json.dumps({**json.loads(format_reply(REPLY)), **changes}).encode()


@given(_replies)
def test_a_reply_comes_back_as_it_went(reply: JournalledReply) -> None:
    assert parse_reply(format_reply(reply)) == reply


@given(_replies)
def test_the_same_reply_is_the_same_bytes(reply: JournalledReply) -> None:
    assert format_reply(parse_reply(format_reply(reply))) == format_reply(reply)


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "\\ud83d"}',
        '{"\\udc00": 1}',
        '{"avgLogprobs": 1e999}',
        '{"avgLogprobs": -Infinity}',
        '{"a": "\\u0000"}',
    ],
)
def test_an_answer_that_json_reads_but_would_not_write_is_kept_all_the_same(text: str) -> None:
    """It is paid for: to crash here would ask, and pay, again at every delivery."""
    response = json.loads(text)

    kept = parse_reply(format_reply(_with_response(response))).response

    assert kept == response


def test_an_answer_with_nan_is_kept() -> None:
    kept = parse_reply(format_reply(_with_response(json.loads('{"avgLogprobs": NaN}')))).response

    assert repr(kept) == "{'avgLogprobs': nan}"


def test_a_deep_answer_is_kept() -> None:
    response = json.loads('{"a": ' + "[" * 500 + "]" * 500 + "}")

    assert parse_reply(format_reply(_with_response(response))).response == response


@pytest.mark.parametrize("end", [0, 1, 10, -1, -20])
def test_a_cut_entry_is_damaged(end: int) -> None:
    with pytest.raises(JournalError, match="damaged"):
        parse_reply(format_reply(REPLY)[:end])


@pytest.mark.parametrize("data", [b"[]", b"null", b"5", b'"x"', b"\xff", b"[" * 100_000, b"{}", b"1" * 5000])
def test_what_is_no_entry_is_damaged(data: bytes) -> None:
    with pytest.raises(JournalError):
        parse_reply(data)


@pytest.mark.parametrize("schema", ["uplook.reply/2", None, 1])
def test_another_schema_is_refused_by_name(schema: Any) -> None:
    with pytest.raises(JournalError, match=r"Expected a journal entry of uplook.reply/1, found"):
        parse_reply(_entry(schema=schema))


@pytest.mark.parametrize("key", ["attempt", "model", "answered_at", "image", "transport", "timing_ms", "response"])
@pytest.mark.parametrize("value", [None, 5, ["x"]])
def test_a_field_of_another_kind_is_damage(key: str, value: Any) -> None:
    with pytest.raises(JournalError, match=f"{key}: expected"):
        parse_reply(_entry(**{key: value}))


@pytest.mark.parametrize("key", ["schema", "attempt", "image", "transport", "response"])
def test_a_missing_field_is_damage(key: str) -> None:
    document = json.loads(format_reply(REPLY))
    del document[key]

    with pytest.raises(JournalError, match=f"damaged: KeyError\\('{key}'\\)"):
        parse_reply(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", {}),
        ("image", {"warnings": "odd"}),
        ("image", {"warnings": [], "colour": 1}),
        ("transport", {"changes": []}),
    ],
)
def test_an_inner_value_of_another_shape_is_damage(key: str, value: Any) -> None:
    with pytest.raises(JournalError, match="damaged"):
        parse_reply(_entry(**{key: value}))


@given(st.dictionaries(st.sampled_from(list(json.loads(_entry()))), json_values))
def test_whatever_an_entry_holds_it_is_read_or_damaged(changes: dict[str, Any]) -> None:
    try:
        reply = parse_reply(_entry(**changes))
    except JournalError:
        return
    assert isinstance(reply, JournalledReply)


def _with_response(response: dict[str, Any]) -> JournalledReply:
    return dataclasses.replace(REPLY, response=response)
