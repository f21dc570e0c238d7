"""Which tasks share a call: what agrees joins, what does not stays apart, what is unsaid follows the leading task."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.events.envelopes import Upload, format_image_event, parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.explain import explain
from shared.core.planning.plan import Plan, asks_of, idempotency_key, plan
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS
from shared.core.values import Source
from tests.rig import SERVICE

SOURCE = Source("uploads", "cat.jpg", 17, 5, "image/jpeg", "AAAAAA==")
ALL = 'tasks = ["caption", "detect", "segment"]\ntogether = [["caption", "detect", "segment"]]'


def _plan(text: str, **metadata: str) -> Plan:
    said = {f"uplook-{key.replace('_', '-')}": value for key, value in metadata.items()}
    return plan(Upload(SOURCE, said), parse_rules(f"[defaults]\n{text}"), run="v1")


def _asks(text: str, **metadata: str) -> list[tuple[str, ...]]:
    return [event.tasks for event in _plan(text, **metadata).events]


DEFAULT = 'tasks = ["caption", "detect", "segment"]'


def test_detect_comes_with_segment_and_nothing_is_said_of_it() -> None:
    assert _asks(DEFAULT) == [("caption",), ("segment", "detect")]
    assert _plan(DEFAULT).warnings == ()


@pytest.mark.parametrize(
    "unlike",
    [
        'model = "gemini-4-carbon"',
        'thinking = "high"',
        'labels = ["cat"]',
        "max_items = 25",  # as many are asked for, and no more are kept
        "max_bytes = 1000",
        'language = "German"',
        'media_resolution = "low"',
        'system_instruction = "Be brief."',
        'prompt = "Find things."',
        'safety = { HARM_CATEGORY_HARASSMENT = "OFF" }',
    ],
)
@pytest.mark.parametrize("task", ["detect", "segment"])
def test_detect_is_asked_apart_where_anything_differs_that_changes_the_answer(task: str, unlike: str) -> None:
    assert _asks(f"{DEFAULT}\n[defaults.{task}]\n{unlike}") == [("caption",), ("detect",), ("segment",)]


@pytest.mark.parametrize("task", ["segment"])
@pytest.mark.parametrize("other", ["mask_threshold = 200", "soft_masks = true", "crops = true"])
def test_what_is_made_of_an_answer_keeps_nobody_apart(task: str, other: str) -> None:
    assert _asks(f"{DEFAULT}\n[defaults.{task}]\n{other}") == [("caption",), ("segment", "detect")]


def test_an_empty_list_keeps_every_task_apart() -> None:
    assert _asks(f"{DEFAULT}\ntogether = []") == [("caption",), ("detect",), ("segment",)]


def test_the_ids_of_tasks_that_are_answered_within_others_are_those_that_they_have_alone() -> None:
    apart = {event.task: idempotency_key(event) for event in _plan(f"{DEFAULT}\ntogether = []").events}
    shared = {view.task: idempotency_key(view) for event in _plan(DEFAULT).events for view in event.views()}

    assert shared == apart


def test_in_a_group_that_is_written_down_the_others_follow_the_leading_task() -> None:
    (event,) = _plan(f'{ALL}\n[defaults.segment]\nthinking = "medium"').events

    assert event.tasks == ("segment", "caption", "detect")
    assert {(view.settings.model, view.settings.thinking) for view in event.views()} == {("gemini-3.8-flash", "medium")}


def test_who_says_something_else_is_asked_apart_with_a_warning() -> None:
    planned = _plan(f'{ALL}\n[defaults.caption]\nmodel = "gemini-4-carbon"')

    assert [event.tasks for event in planned.events] == [("caption",), ("segment", "detect")]
    (told,) = planned.warnings
    assert told.startswith("together: caption is asked apart from segment: its model is gemini-4-carbon, and that of")


def test_two_lists_of_boxes_do_not_fit_into_one_answer() -> None:
    planned = _plan(f'{ALL}\n[defaults.detect]\nlabels = ["cat"]')

    assert [event.tasks for event in planned.events] == [("segment", "caption"), ("detect",)]
    assert "detect is asked apart from segment: its labels is not that of segment" in planned.warnings[0]


def test_a_task_that_is_asked_without_a_schema_shares_its_answer_and_no_call() -> None:
    asks = _asks(f'{ALL}\nmodel = "gemini-2.5-flash"')

    assert ("segment", "detect") in asks
    assert ("caption",) in asks


def test_an_ask_counts_once_for_max_calls() -> None:
    assert _asks(f"{DEFAULT}\nmax_calls = 4") == [("caption",), ("segment", "detect")]
    assert _asks(f"{DEFAULT}\nmax_calls = 2") == [("caption",)]
    assert "detect, segment: left out" in _plan(f"{DEFAULT}\nmax_calls = 2").warnings[0].replace(
        "segment, detect", "detect, segment"
    )


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("caption, detect, segment", [("segment", "caption", "detect")]),
        ("detect,segment;caption,classify", [("segment", "detect"), ("caption",)]),
        ("none", [("caption",), ("detect",), ("segment",)]),
        ("None", [("caption",), ("detect",), ("segment",)]),
    ],
)
def test_metadata_may_put_tasks_together(said: str, asks: list[tuple[str, ...]]) -> None:
    assert sorted(_asks(DEFAULT, together=said)) == sorted(asks)


@pytest.mark.parametrize("said", ["", "paint, caption", "caption, caption", ";", "caption segment"])
def test_metadata_that_makes_no_sense_leaves_the_rules_in_force(said: str) -> None:
    planned = _plan(DEFAULT, together=said)

    assert [event.tasks for event in planned.events] == [("caption",), ("segment", "detect")]
    assert "uplook-together: expected tasks, separated by commas" in planned.warnings[0]


def test_metadata_puts_nothing_together_that_the_rules_do_not_leave_to_it() -> None:
    planned = _plan(f'{DEFAULT}\nuploader_settings = ["labels"]', together="caption,detect,segment")

    assert [event.tasks for event in planned.events] == [("caption",), ("segment", "detect")]
    assert "uploader_settings" in planned.warnings[0]


@pytest.mark.parametrize(
    "said",
    [
        '"caption"',
        '["caption"]',
        '[["caption"]]',
        '[["caption", "paint"]]',
        "[[1, 2]]",
        '[["ask", "read"], ["read", "caption"]]',
    ],
)
def test_groups_that_make_no_sense_are_reported(said: str) -> None:
    with pytest.raises(Exception, match=r"defaults.together: expected a list of lists of two or more of ask, caption"):
        _plan(f"{DEFAULT}\ntogether = {said}")


def test_plan_tells_which_tasks_share_a_call_and_who_decided_it() -> None:
    told = explain(Upload(SOURCE), parse_rules(f"[defaults]\n{ALL}"), SERVICE)
    caption = next(each for each in told.tasks if each.task == "caption")

    shared, *others = caption.decisions
    assert (shared.setting, shared.value, shared.place) == ("in one call with", "segment, detect", "defaults.together")
    assert ("model", "as segment") in [(each.setting, each.place) for each in others]


_groups: Any = st.lists(st.lists(st.sampled_from(list(TASKS)), min_size=2, max_size=6, unique=True), max_size=3)


@given(st.lists(st.sampled_from(list(TASKS)), min_size=1, unique=True), st.none() | _groups)
def test_every_task_is_asked_for_exactly_once_and_an_event_comes_back_as_it_went(
    tasks: list[str], together: Any
) -> None:
    groups = None if together is None else tuple(map(tuple, together))
    asks, _ = asks_of(tasks, Choices(tasks=tuple(tasks), together=groups))

    assert sorted(task for ask in asks for task in ask.tasks) == sorted(tasks)
    for ask in asks:
        event = ask.event(SOURCE, run="v1")
        assert parse_image_event(format_image_event(event).data) == event
