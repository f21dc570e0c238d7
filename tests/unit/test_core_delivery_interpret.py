"""From a journalled reply to a reading: what was refused, cut or empty is never an empty success."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.delivery.interpret import interpret
from shared.core.delivery.journal import JournalledReply
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.transport import Transport
from shared.core.planning.choices import Choices
from shared.core.planning.plan import resolve_settings
from shared.core.tasks.catalogue import TASKS
from shared.core.values import ImageInfo, Source
from tests.rig import TEXTS, reply
from tests.strategies import json_values, replies

if TYPE_CHECKING:
    from shared.core.tasks.common.task import Reading

CARRIED = Transport("inline", "image/jpeg", 1, reused=False, reason="it fits")
JOURNALLED = JournalledReply("k", "a", "m", "2026-11-21", ImageInfo(80, 60, "jpeg", "image/jpeg"), CARRIED, {}, {})
BOX = '{"label": "cat", "box_2d": [1, 2, 3, 4]}'


def _read(task: str, response: Any) -> Reading:
    event = ImageEvent(Source("uploads", "cat.jpg", 1), task, resolve_settings(task, Choices()), "v1")
    return interpret(event, dataclasses.replace(JOURNALLED, response=response))[1]


@pytest.mark.parametrize("task", list(TASKS))
def test_a_usable_answer_is_what_its_task_reads(task: str) -> None:
    reading = _read(task, reply(TEXTS[task]))

    assert (reading.status, reading.reason) == ("ok", None)
    assert reading.caption == ("A red square on white." if task == "caption" else None)
    assert [item.label for item in reading.items or ()] == (["square"] if TASKS[task].payload == "items" else [])
    assert [one.label for one in reading.classes or ()] == (["square", "red"] if task == "classify" else [])
    assert reading.answer == ("The square." if task == "ask" else None)


@pytest.mark.fault(62, 63, 64, 65)
@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize(
    ("response", "status", "reason"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "blocked", "SAFETY"),
        (reply("[]", finish="SAFETY"), "blocked", "SAFETY"),
        (reply("[]", finish="RECITATION"), "blocked", "RECITATION"),
        (reply(""), "failed", "without any text"),
        (reply("  \n"), "failed", "without any text"),
        ({"usageMetadata": {}}, "failed", "no candidate"),
        ({}, "failed", "no candidate"),
        (reply("[]", finish="OTHER"), "failed", "OTHER"),
        (reply("[]", finish="SOMETHING_NEW"), "failed", "SOMETHING_NEW"),
        (reply("", finish="MAX_TOKENS"), "failed", "before any text"),
        (reply('{"boxes": [', finish="MAX_TOKENS"), "failed", "MAX_TOKENS"),
        (reply('{"caption": ', finish="MAX_TOKENS"), "failed", "MAX_TOKENS"),
    ],
)
def test_an_answer_without_an_answer_says_why_and_holds_nothing(
    task: str, response: dict[str, Any], status: str, reason: str
) -> None:
    reading = _read(task, response)

    assert reading.status == status
    assert reason in (reading.reason or "")
    assert not reading.items
    assert not reading.classes
    assert (reading.caption, reading.answer) == (None, None)


@pytest.mark.fault(65)
@pytest.mark.parametrize("task", ["detect", "segment"])
def test_of_a_cut_answer_the_complete_items_are_kept_as_partial(task: str) -> None:
    reading = _read(task, reply(f'{{"boxes": [{BOX}, {{"label": "do', finish="MAX_TOKENS"))

    assert reading.status == "partial"
    assert "MAX_TOKENS" in (reading.reason or "")
    assert [item.label for item in reading.items or ()] == ["cat"]


def test_of_cut_tags_the_complete_ones_are_kept_and_half_a_word_is_none() -> None:
    as_json = _read("classify", reply('{"labels": ["cat", "sofa", "do', finish="MAX_TOKENS"))
    as_words = _read("classify", reply("cat, sofa, do", finish="MAX_TOKENS"))

    assert as_json.status == "partial"
    assert [one.label for one in as_json.classes or ()] == ["cat", "sofa"]
    assert as_words.status == "failed"


def test_a_caption_in_plain_words_that_was_cut_is_partial() -> None:
    reading = _read("caption", reply("A cat on a", finish="MAX_TOKENS"))

    assert (reading.status, reading.caption) == ("partial", "A cat on a")


@pytest.mark.parametrize(
    ("task", "text", "status"),
    [
        ("detect", "[]", "empty"),
        ("detect", '{"boxes": []}', "empty"),
        ("detect", "There is nothing to see.", "failed"),
        ("segment", "[]", "empty"),
        ("caption", '{"caption": ""}', "empty"),
        ("classify", '{"labels": []}', "empty"),
        ("classify", '{"colour": 5}', "failed"),
        ("ask", '{"answer": " "}', "empty"),
        ("detect", f"[{BOX}, {{}}]", "partial"),
        ("segment", f"[{BOX}]", "partial"),  # no mask
    ],
)
def test_nothing_found_and_nothing_readable_and_half_of_it_are_three_different_results(
    task: str, text: str, status: str
) -> None:
    assert _read(task, reply(text)).status == status


@given(st.sampled_from(list(TASKS)), replies(), st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "OTHER", "NEW"]))
def test_the_same_reply_is_read_the_same_and_anything_but_a_full_answer_has_a_reason(
    task: str, text: str, finish: str
) -> None:
    first, second = (_read(task, reply(text, finish=finish)) for _ in range(2))

    assert first == second
    assert bool(first.reason) is (first.status != "ok")
    assert first.status in {"STOP": {"ok", "empty", "partial", "failed"}, "MAX_TOKENS": {"partial", "failed"}}.get(
        finish, {"blocked", "failed"}
    )


@given(
    st.sampled_from(list(TASKS)), st.dictionaries(st.sampled_from(["candidates", "promptFeedback", "x"]), json_values)
)
def test_no_body_breaks_the_reading(task: str, response: dict[str, Any]) -> None:
    assert _read(task, response).status in {"blocked", "failed"}
