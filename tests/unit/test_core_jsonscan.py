from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.jsonscan import MAX_FAILED_STARTS, MAX_TEXT, MAX_VALUES, complete_strings, scan_json
from tests.strategies import json_values

MEGABYTE = 1_000_000
MEMBER_KEY = re.compile(r'"box"\s*:')


def values(text: str) -> list[object]:
    return [found.value for found in scan_json(text, member_key=MEMBER_KEY).values]


def fill(unit: str) -> str:
    return (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]


@pytest.mark.fault(67)
@pytest.mark.parametrize(
    "text",
    [
        '[{"box": 1}]',
        '```json\n[{"box": 1}]\n```',
        '````\n[{"box": 1}]\n````',
        'Response: [{"box": 1}]',
        'Here you are:\n[{"box": 1}]\nThat is all.',
        '[{"box": 1}];',
        '[{"box": 1}]]}',
        'I counted [one thing] in {this image}: [{"box": 1}] (640, 480)',
    ],
)
def test_a_list_is_found_in_whatever_stands_around_it(text: str) -> None:
    scanned = scan_json(text)
    assert [found.value for found in scanned.values] == [[{"box": 1}]]
    assert (scanned.unfinished, scanned.broken, scanned.capped) == (None, None, False)


def test_values_in_a_row_are_all_found() -> None:
    assert values('{"box": 1}\n{"box": 2}\n') == [{"box": 1}, {"box": 2}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"box": 1}, {"box": [2, 3', [{"box": 1}]),
        ('{"items": [{"box": 1}, {"box": [2, 3', [{"box": 1}]),
        ('{"a": {"items": [{"box": 1}, {"bo', [{"box": 1}]),
        ('[{"box": 1}, {"box": 2, "parts": [{"box": 3}, {"box": 4}', [{"box": 1}]),
        ('{"box": 2, "parts": [{"box": 3}, {"box": 4}', []),
        ('{"found": {"box": 3}, "n": 1', []),
        ('[{"box": 1},', [{"box": 1}]),
        ("[1, 2, 3", []),
        ('{"box": [1, 2], "x": "', []),
        ("[", []),
        ('{"a', []),
    ],
)
def test_an_unfinished_value_gives_its_finished_members_and_never_its_own_inside(text: str, expected: object) -> None:
    scanned = scan_json(text, member_key=MEMBER_KEY)
    assert [found.value for found in scanned.values] == expected
    assert scanned.unfinished == 0
    assert all(found.salvaged for found in scanned.values)


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"box": 1}, {"box": 2},]', [{"box": 1}, {"box": 2}]),
        ('[{"box": 1}, {\'box\': 2}, {"box": 3}]', [{"box": 1}, {"box": 3}]),
        ('[{"box": 1} {"box": 2}]', [{"box": 1}, {"box": 2}]),
        ('[{"box": 1, "label": "cat}, {"box": 2}]', [{"box": 2}]),
        ("[{'box': [1, 2, 3, 4]}]", []),
        ("{'boxes': []}", []),
    ],
)
def test_a_broken_value_gives_its_whole_objects_and_nothing_is_guessed(text: str, expected: object) -> None:
    scanned = scan_json(text, member_key=MEMBER_KEY)
    assert [found.value for found in scanned.values] == expected
    assert (scanned.unfinished, scanned.broken) == (None, 0)


def test_line_breaks_inside_of_strings_are_no_error() -> None:
    assert values('["a\nb"]') == [["a\nb"]]


@pytest.mark.fault(70)
def test_a_repeated_key_is_reported() -> None:
    scanned = scan_json('[{"a": 1, "a": 2}]')
    assert scanned.repeated_keys
    assert [found.value for found in scanned.values] == [[{"a": 2}]]


def test_a_repeated_key_in_something_that_does_not_count_is_not_reported() -> None:
    assert not scan_json('[{"box": 1}, {"a": 1, "a": 2, ').repeated_keys


@pytest.mark.fault(71, 72)
def test_numbers_beyond_all_bounds_are_read_as_floats() -> None:
    (found,) = values("[" + "9" * 5000 + ", 1e999, NaN, -Infinity, 12]")
    assert [type(number) for number in found] == [float, float, float, float, int]  # type: ignore[attr-defined]


@pytest.mark.fault(68)
@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_nesting_without_end_is_no_error(bracket: str) -> None:
    assert scan_json(bracket * 100_000).values == ()


@pytest.mark.fault(66, 80)
@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        pytest.param('[{"box": "data:image/png;base64,' + fill("Pj4+"), 2, id="base64 loop"),
        pytest.param(fill('{"a":'), 1, id="nested objects"),
        pytest.param(fill("{"), MAX_FAILED_STARTS, id="open braces"),
        pytest.param(fill("["), 1, id="open brackets"),
        pytest.param(fill('"'), 0, id="quotes"),
        pytest.param(fill("a "), 0, id="prose"),
        pytest.param("[" + fill("1,"), 1, id="numbers"),
        pytest.param("[" + fill("9"), 1, id="one number"),
        pytest.param("[" + fill('"a",'), 1, id="strings"),
        pytest.param('["' + fill("\\ud800"), 1, id="surrogates"),
        pytest.param(fill("[a]"), MAX_FAILED_STARTS, id="prose in brackets"),
        pytest.param(fill("{'a': 1},"), MAX_FAILED_STARTS, id="single quotes"),
        pytest.param(fill("[x\n"), 1, id="prose in open brackets"),
        pytest.param('{"a":[{"b":[{"c":[' + fill("1,") + "x}", 2, id="a million numbers, three deep, broken"),
        pytest.param(fill("{}"), MAX_VALUES, id="empty objects"),
        pytest.param("[" + fill("{},"), MAX_VALUES + 1, id="empty objects in an open list"),
    ],
)
def test_a_hostile_megabyte_costs_a_bounded_number_of_attempts(text: str, attempts: int) -> None:
    scanned = scan_json(text, member_key=MEMBER_KEY)
    assert scanned.attempts == attempts
    assert scanned.capped


def test_attempts_in_vain_stop_after_a_few_times_the_text() -> None:
    text = '{"a":[' * 150 + "1," * 50_000 + "x}"
    scanned = scan_json(text)
    assert scanned.capped
    assert scanned.attempts == 4


@pytest.mark.fault(80)
def test_text_beyond_the_bound_is_not_read() -> None:
    scanned = scan_json(" " * MAX_TEXT + "[1]")
    assert (scanned.values, scanned.capped) == ((), True)


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ('["a", "b", "c', 0, ["a", "b"]),
        ('Tags: {"labels": ["a", "b"', 6, ["a", "b"]),
        ('["a", \'b\', "c"]', 0, ["a"]),
        ('["a" "b"]', 0, ["a"]),
        ('["a\\', 0, []),
        ('{"labels": ["a"], "more": [', 0, ["a"]),
        ("[1, 2", 0, []),
        ('{"a": 1, "b": ["c"', 0, []),
    ],
)
def test_a_broken_list_still_holds_its_complete_strings(text: str, start: int, expected: list[str]) -> None:
    assert complete_strings(text, start) == expected


@given(st.text(alphabet='[]{}",:\\ 1ae\n`', max_size=60) | st.text())
def test_no_text_raises(text: str) -> None:
    scanned = scan_json(text)
    assert scanned.attempts <= MAX_VALUES + MAX_FAILED_STARTS
    complete_strings(text, 0)


@given(json_values, st.text(alphabet="abc .:\n`", max_size=10), st.text(alphabet="abc .;\n`", max_size=10))
def test_any_list_in_prose_is_found_whole(value: object, before: str, after: str) -> None:
    (found,) = scan_json(before + json.dumps([value]) + after).values
    assert json.dumps(found.value) == json.dumps([value])
