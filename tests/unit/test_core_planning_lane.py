"""Whether an upload may wait for a batch job: what rules say reaches every event, and changes neither key nor words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.events.envelopes import BATCH_LANE, Upload, format_image_event, parse_image_event
from shared.core.planning.plan import Plan, ask_key, idempotency_key, plan
from shared.core.planning.rules import parse_rules
from shared.core.values import Source

SOURCE = Source("uploads", "archive/cat.jpg", 17, 5, "image/jpeg", "AAAAAA==")
TASKS = '[defaults]\ntasks = ["caption", "detect", "segment"]'


def _plan(text: str, metadata: dict[str, str] | None = None) -> Plan:
    return plan(Upload(SOURCE, metadata or {}), parse_rules(f"{TASKS}\n{text}"), run="v1")


@pytest.mark.parametrize(
    ("text", "lane"),
    [
        ("", None),
        ('lane = "batch"', BATCH_LANE),
        ('lane = "now"', None),
        ('[[rules]]\nprefix = "archive/"\nlane = "batch"', BATCH_LANE),
        ('[[rules]]\nprefix = "others/"\nlane = "batch"', None),
        ('lane = "batch"\n[[rules]]\nprefix = "archive/"\nlane = "now"', None),
    ],
)
def test_the_last_rule_that_says_it_decides_for_every_event_of_the_upload(text: str, lane: str | None) -> None:
    events = _plan(text).events
    assert [event.tasks for event in events] == [("caption",), ("segment", "detect")]
    assert {event.lane for event in events} == {lane}
    assert {view.lane for event in events for view in event.views()} == {lane}
    assert {event.only([task]).lane for event in events for task in event.tasks} == {lane}


@pytest.mark.parametrize("lane", [None, BATCH_LANE])
def test_the_lane_travels_in_the_event_and_is_no_part_of_the_work(lane: str | None) -> None:
    for event in _plan('lane = "batch"').events:
        laned = replace(event, lane=lane)
        assert parse_image_event(format_image_event(laned).data) == laned
        assert (idempotency_key(laned), ask_key(laned)) == (idempotency_key(event), ask_key(event))


def test_metadata_of_an_object_chooses_no_lane_and_that_is_told() -> None:
    planned = _plan("", {"uplook-lane": "batch"})
    assert {event.lane for event in planned.events} == {None}
    assert [warning for warning in planned.warnings if "uplook-lane" in warning]
