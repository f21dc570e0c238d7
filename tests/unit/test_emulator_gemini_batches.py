from __future__ import annotations

import json
from typing import Any

import pytest

from infra.emulators.gemini.batch_lines import (
    Line,
    Outcome,
    inlined_responses,
    prediction_lines,
    read_inlined,
    read_jsonl,
    response_lines,
)
from infra.emulators.gemini.errors import ApiError, plain
from infra.emulators.gemini.message_fields import BATCH, GENERATE, check_fields

REQUEST: dict[str, Any] = {"contents": [{"parts": [{"text": "x"}]}]}
ANSWERED = Outcome(Line(REQUEST, "k1", {"key": "k1"}), response={"candidates": []})
REFUSED = Outcome(Line(REQUEST, "k2"), error=plain(429, "later"))


def test_lines_of_a_file_are_read_and_empty_ones_left_out() -> None:
    lines = read_jsonl(b'{"key": "a", "request": {"contents": []}}\n\n  \n{"request": {}}')
    assert [(line.key, line.request, line.error) for line in lines] == [("a", {"contents": []}, None), ("", {}, None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[]", "Line 1: expected an object with a `request`, found []"),
        (b"{", "Line 1: "),
        (b"\xff", "Line 1: "),
        (b'{"request": {"nope": 1}}', 'Unknown name "nope": Cannot find field.'),
    ],
)
def test_a_line_that_is_no_request_is_refused_alone(text: bytes, words: str) -> None:
    bad, good = read_jsonl(text + b'\n{"request": {}}')
    assert good.error is None
    assert bad.error is not None
    assert words in bad.error.message


@pytest.mark.parametrize("data", [b"", b"\n \n"])
def test_a_file_without_a_request_is_refused(data: bytes) -> None:
    with pytest.raises(ApiError, match="holds no request"):
        read_jsonl(data)


@pytest.mark.parametrize("requests", [None, [], {}])
def test_a_batch_without_a_request_is_refused(requests: Any) -> None:
    with pytest.raises(ApiError, match="at least one request"):
        read_inlined(requests)


def test_inline_answers_echo_their_metadata() -> None:
    assert inlined_responses([ANSWERED, REFUSED]) == {
        "inlinedResponses": {
            "inlinedResponses": [
                {"response": {"candidates": []}, "metadata": {"key": "k1"}},
                {"error": {"code": 8, "message": "later"}},
            ]
        }
    }


def test_answers_in_a_file_echo_their_keys() -> None:
    assert [json.loads(line) for line in response_lines([ANSWERED, REFUSED]).splitlines()] == [
        {"key": "k1", "response": {"candidates": []}},
        {"key": "k2", "error": {"code": 8, "message": "later"}},
    ]


def test_predictions_repeat_the_request_and_say_what_went_wrong() -> None:
    answered, refused = map(json.loads, prediction_lines([ANSWERED, REFUSED], "now").splitlines())
    assert answered == {"status": "", "processed_time": "now", "request": REQUEST, "response": {"candidates": []}}
    assert (refused["status"], refused["response"]) == ("later", {})


def test_every_unknown_name_is_reported_with_its_place() -> None:
    with pytest.raises(ApiError) as refusal:
        check_fields({"a": 1, "contents": {"parts": [{"text": "x", "b": 2}]}, "generation_config": {"c": 3}}, GENERATE)
    violations = refusal.value.details[0]["fieldViolations"]
    assert [each.get("field") for each in violations] == [None, "contents.parts[0]", "generation_config"]
    assert refusal.value.message.count("\n") == 2


def test_both_spellings_are_known_and_what_images_do_not_need_is_free() -> None:
    check_fields(
        {
            "systemInstruction": {"parts": [{"thoughtSignature": "x"}]},
            "tools": [{"anything": {"at": "all"}}],
            "generationConfig": {"responseJsonSchema": {"x": 1}, "thinkingConfig": {"thinking_budget": 0}},
        },
        GENERATE,
    )
    check_fields({"batch": {"inputConfig": {"requests": {"requests": [{"request": REQUEST}]}}}}, BATCH)
