"""The same value is always the same bytes, and always valid UTF-8."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.jsontext import crc32c, dump, dump_compact

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
both = pytest.mark.parametrize("write", [dump, dump_compact])


@both
@given(value=_values)
def test_what_is_written_reads_back(write: Any, value: Any) -> None:
    assert json.loads(write(value)) == value


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=5))
def test_the_compact_form_does_not_depend_on_the_order_of_keys(table: dict[str, int]) -> None:
    reordered = dict(reversed(list(table.items())))

    assert dump_compact(table) == dump_compact(reordered)


def test_the_compact_form_is_a_constant() -> None:
    """Keys of results are hashes of it."""
    assert dump_compact({"b": [1, 2.5, None], "a": "ä🍋"}) == '{"a":"ä🍋","b":[1,2.5,null]}'.encode()


def test_a_document_keeps_the_order_of_keys_and_ends_in_a_line_break() -> None:
    assert dump({"b": "ä", "a": []}) == '{"b":"ä","a":[]}\n'.encode()


@given(value=_values | st.text('\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029\t\x00\x01a\\"', max_size=9))
def test_a_document_is_one_line_to_every_reader_and_holds_no_tab(value: Any) -> None:
    """DuckDB and BigQuery read documents as lines of one column: docs/sql.md."""
    text = dump({"value": value}).decode()

    assert text.splitlines(keepends=True) == [text]
    assert "\t" not in text


@both
@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_has_no_number_for_is_refused(write: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(value)


@both
@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b", "\\\ud83d", '"\ud83d"', "\ud83d\\"])
def test_half_a_surrogate_pair_is_escaped_and_comes_back(write: Any, text: str) -> None:
    """Models cut emoji in half; neither a crash nor invalid UTF-8 may come of it."""
    written = write({text: [text]})

    written.decode("utf-8", errors="strict")
    assert json.loads(written) == {text: [text]}


def test_the_checksum_is_the_one_of_cloud_storage() -> None:
    """The check value of CRC-32C for "123456789" is 0xE3069283."""
    assert crc32c(b"123456789") == "4waSgw=="
    assert crc32c(b"") == "AAAAAA=="
