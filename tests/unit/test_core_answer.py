from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.replies.answer import Answer, is_answer, read_answer
from shared.core.values import Usage
from tests.strategies import json_values


def body(*texts: str, finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [{"text": text} for text in texts]}, "finishReason": finish}
    return {"candidates": [candidate], **fields}


def test_an_ordinary_answer_is_usable_and_says_who_served_it_and_what_it_cost() -> None:
    usage = {"promptTokenCount": 307, "candidatesTokenCount": 198, "thoughtsTokenCount": 12, "totalTokenCount": 517}
    answer = read_answer(body("a", "b", usageMetadata=usage, modelVersion="gemini-3.8-flash", responseId="r-1"))
    assert answer == Answer(
        text="ab",
        verdict="usable",
        finish_reason="STOP",
        served_model="gemini-3.8-flash",
        response_id="r-1",
        usage=Usage(prompt_tokens=307, output_tokens=198, thought_tokens=12, total_tokens=517),
    )


@pytest.mark.fault(64)
def test_thoughts_are_no_part_of_the_text() -> None:
    parts = [{"text": "let me see", "thought": True}, {"text": "[]"}, {"inlineData": {}}, "junk", {"text": 3}]
    answer = read_answer({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
    assert answer.text == "[]"


@pytest.mark.fault(63)
@pytest.mark.parametrize(
    "finish",
    [
        *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "IMAGE_RECITATION", "IMAGE_FROM_THE_FUTURE"),
    ],
)
def test_a_refusal_is_blocked_whatever_text_came_before_it(finish: str) -> None:
    answer = read_answer(body("[", finish=finish))
    assert answer.verdict == "blocked"
    assert finish in str(answer.reason)


@pytest.mark.fault(63)
@pytest.mark.parametrize(
    "finish",
    [
        *(
            "NO_IMAGE",
            "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
            "NEVER_SEEN",
        ),
    ],
)
def test_an_unknown_or_useless_end_is_failed_even_with_text(finish: str) -> None:
    answer = read_answer(body("[]", finish=finish))
    assert (answer.verdict, answer.finish_reason) == ("failed", finish)
    assert finish in str(answer.reason)


@pytest.mark.parametrize("finish", ["MAX_TOKENS", "CONTINUATION"])
def test_an_unfinished_answer_is_truncated_and_keeps_its_text(finish: str) -> None:
    answer = read_answer(body("[{", finish=finish))
    assert (answer.verdict, answer.text) == ("truncated", "[{")


@pytest.mark.fault(65)
def test_the_limit_of_tokens_can_be_reached_by_thinking_alone() -> None:
    answer = read_answer({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}]})
    assert (answer.verdict, answer.text) == ("truncated", "")
    assert answer.reason == "the answer reached the limit of output tokens before any text (MAX_TOKENS)"


@pytest.mark.fault(62)
@pytest.mark.parametrize(
    "reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK", "NEW"]
)
def test_a_refused_prompt_is_blocked(reason: str) -> None:
    answer = read_answer({"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 9}})
    assert (answer.verdict, answer.block_reason, answer.usage.prompt_tokens) == ("blocked", reason, 9)


def test_an_unset_block_reason_blocks_nothing() -> None:
    unset = {"blockReason": "BLOCK_REASON_UNSPECIFIED"}
    assert read_answer(body("[]", promptFeedback=unset)).verdict == "usable"


@pytest.mark.fault(62)
@pytest.mark.parametrize("candidates", [[], None, "x", {}])
def test_an_answer_without_candidates_is_empty(candidates: object) -> None:
    assert read_answer({"candidates": candidates}).verdict == "empty"


@pytest.mark.fault(64)
@pytest.mark.parametrize("text", ["", " \n"])
def test_an_answer_that_stops_without_words_is_empty(text: str) -> None:
    assert read_answer(body(text)).verdict == "empty"


def test_text_without_a_finish_reason_is_usable() -> None:
    assert read_answer(body("[]", finish=None)).verdict == "usable"
    assert read_answer(body("[]", finish="FINISH_REASON_UNSPECIFIED")).verdict == "usable"
    assert read_answer(body("", finish=None)).verdict == "empty"


@pytest.mark.parametrize("count", [True, -1, 1.5, "12", None, 10**30])
def test_a_count_of_tokens_that_is_none_is_unknown(count: object) -> None:
    assert read_answer(body("x", usageMetadata={"totalTokenCount": count})).usage.total_tokens is None


def test_names_from_outside_are_short_and_printable() -> None:
    answer = read_answer(body("x", finish="A\nB\x1b[31m" + "C" * 1000, modelVersion="m\ud800"))
    assert answer.finish_reason == "A?B?[31m" + "C" * 192
    assert answer.served_model == "m?"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"candidates": []}, True),
        ({"promptFeedback": {}}, True),
        ({"usageMetadata": {"promptTokenCount": 3}}, True),
        ({}, False),
        ({"error": {"code": 503}}, False),
        ({"candidates": None}, False),
        ([], False),
        ("<html>", False),
        (None, False),
    ],
)
def test_only_a_body_of_generate_content_is_an_answer(value: object, expected: bool) -> None:
    assert is_answer(value) is expected


@given(st.dictionaries(st.sampled_from(["candidates", "promptFeedback", "usageMetadata", "modelVersion"]), json_values))
def test_no_body_raises(value: dict[str, Any]) -> None:
    assert read_answer(value).text == ""


@given(json_values, json_values, json_values)
def test_no_candidate_raises(content: object, parts: object, finish: object) -> None:
    for candidate in (content, {"content": content, "finishReason": finish}, {"content": {"parts": parts}}):
        read_answer({"candidates": [candidate]}).text.encode("utf-8", "surrogatepass")


@pytest.mark.fault(63)
@pytest.mark.parametrize("text", ["", "[]"])
@pytest.mark.parametrize("finish", ["OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_an_end_that_may_pass_is_worth_another_ask_whatever_text_came_before_it(finish: str, text: str) -> None:
    answer = read_answer(body(text, finish=finish))
    assert answer.verdict == "passing"
    assert finish in str(answer.reason)


def test_what_the_service_says_about_an_end_or_a_block_is_kept_and_made_safe() -> None:
    told = "It resembles existing\u202e copyrighted works. " + "so " * 1000
    ended = read_answer({"candidates": [{"finishReason": "RECITATION", "finishMessage": told}]})
    blocked = read_answer({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "Not this."}})
    assert "The model says: It resembles existing copyrighted works. so so" in str(ended.reason)
    assert len(str(ended.reason)) < 450
    assert str(blocked.reason).endswith("The model says: Not this.")
