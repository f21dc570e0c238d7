"""A model that does not answer any more concerns the images that need it, and nobody else."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.core.events.envelopes import Upload, format_image_event, parse_image_event, settings_document
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import plan, resolve_settings
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common.requests import request_for
from shared.core.values import Source
from shared.pipeline.ingest import ingest
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker.analyze import analyze
from tests.rig import SERVICE, SETTINGS, UPLOADS, WORK, Rig, picture, reply

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent

GONE, UNKNOWN = "gemini-2.0-flash", "gemini-9-uranium"
LEGACY = f"""
[defaults]
tasks = ["caption", "detect"]
[[rules]]
prefix = "legacy/"
caption.model = "{GONE}"
[[rules]]
prefix = "new/"
model = "{UNKNOWN}"
"""


def _ingested(rig: Rig, name: str) -> list[ImageEvent]:
    """Upload an object, let ingest plan it, and return the events that it published."""
    event = rig.upload(name, picture())
    service = rig.settings.service(SERVICE.today)
    ingest(
        Upload(event.source),
        rules=parse_rules(LEGACY),
        settings=rig.settings,
        service=service,
        publisher=rig.publisher,
    )
    return [parse_image_event(each.data) for each in rig.publisher.messages.pop(rig.settings.image_topic)]


@pytest.mark.fault(91)
def test_images_of_a_rule_with_a_model_that_is_gone_are_held_and_told_and_all_others_are_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    with caplog.at_level(logging.ERROR):
        events = [event for name in ("a.jpg", "legacy/b.jpg", "new/c.jpg") for event in _ingested(rig, name)]
        for event in events:
            analyze(event, rig.ports)

    told = {(each["source"]["name"], each["task"]): (each["status"], each["error"]) for each in rig.result_events()}
    assert told.pop(("legacy/b.jpg", "caption")) == ("held", "configuration")
    assert set(told.values()) == {("ok", None)}
    assert len(told) == 5
    assert GONE not in {request.model for request in rig.model.requests}
    assert UNKNOWN in {request.model for request in rig.model.requests}
    reasons = [record.__dict__["fields"]["reason"] for record in caplog.records]
    assert len(reasons) == 2  # once by ingest, once by the worker
    assert all(GONE in reason for reason in reasons)


@pytest.mark.fault(91)
def test_what_is_held_for_its_model_is_done_by_the_successor_once_the_deployment_says_so() -> None:
    rig = Rig()
    event = next(each for each in _ingested(rig, "legacy/b.jpg") if each.task == "caption")
    analyze(event, rig.ports)
    rig.clock.time_s += 3600
    follows = replace(rig.ports, settings=replace(rig.settings, use_successors=True))

    assert unpark_due(follows) == 1
    (message,) = rig.publisher.messages.pop(rig.settings.image_topic)
    analyze(parse_image_event(message.data), follows)

    document = rig.document(event)
    assert document["status"] == "ok"
    assert document["model"]["requested"] == "gemini-3.5-flash-lite"
    assert any(f"{GONE} does not answer any more" in warning for warning in document["warnings"])
    assert [request.model for request in rig.model.requests] == ["gemini-3.5-flash-lite"]


def test_a_deployment_that_follows_plans_with_the_successor_and_warns() -> None:
    service = replace(SERVICE, use_successors=True)

    planned = plan(Upload(Source(UPLOADS, "legacy/b.jpg", 1)), parse_rules(LEGACY), run="v1", service=service)

    assert [event.settings.model for event in planned.events if event.task == "caption"] == ["gemini-3.5-flash-lite"]
    assert planned.held == {}
    assert any(f"caption: {GONE} is shut down" in text for text in planned.warnings)


def test_a_waiting_event_with_a_default_that_has_ended_meanwhile_is_done_by_the_successor() -> None:
    rig = Rig(settings=replace(SETTINGS, enterprise=True, project="p"), answer=reply)
    rig.answer = lambda _: reply('{"caption": "A red square."}', served="gemini-4-hydrogen")
    event = rig.upload(task="caption")
    rig.clock.time_s += (dt.date(2027, 12, 1) - SERVICE.today).days * 86_400.0

    analyze(event, rig.ports)

    assert event.settings.model == TASKS["caption"].model
    assert [request.model for request in rig.model.requests] == ["gemini-4-hydrogen"]
    assert rig.document(event)["status"] == "ok"


def test_an_answer_that_was_paid_for_before_the_model_ended_is_used() -> None:
    rig = Rig()
    event = next(each for each in _ingested(rig, "new/c.jpg") if each.task == "caption")
    named = replace(event, settings=replace(event.settings, model="gemini-2.5-flash"))
    rig.store.faults.calls.clear()
    analyze(named, rig.ports)
    name = f"v1/{UPLOADS}/new/c.jpg/{event.source.generation}/caption.json"
    rig.store.delete(rig.settings.results_bucket, name)
    rig.clock.time_s += (dt.date(2027, 1, 1) - SERVICE.today).days * 86_400.0

    analyze(named, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(named)["status"] == "ok"
    assert rig.store.list_names(WORK, "held/") == []


@pytest.mark.parametrize(
    ("model", "sent", "warned"), [("gemini-2.5-flash", 0.5, False), ("gemini-3.8-flash", None, True)]
)
def test_a_temperature_is_sent_to_a_model_that_takes_it_and_elsewhere_left_out_with_a_warning(
    model: str, sent: float | None, *, warned: bool
) -> None:
    rules = parse_rules(f'[defaults]\ntasks = ["segment"]\nsegment.temperature = 0.5\nsegment.model = "{model}"')

    planned = plan(Upload(Source(UPLOADS, "a.jpg", 1)), rules, run="v1", service=SERVICE)

    (event,) = planned.events
    assert event.settings.temperature == sent
    assert request_for(event).temperature == sent
    assert any("takes no temperature, 0.5 is left out" in text for text in planned.warnings) is warned
    assert parse_image_event(format_image_event(event).data) == event


def test_settings_without_a_temperature_are_what_they_were() -> None:
    settings = resolve_settings("segment", Choices())
    cold = resolve_settings("segment", Choices(for_all=TaskChoices(model="gemini-2.5-flash", temperature=0.0)))

    assert "temperature" not in settings_document(settings)
    assert settings_document(cold)["temperature"] == 0.0  # 0 is a wish like any other


def test_a_temperature_and_a_resolution_of_the_event_are_those_that_the_successor_takes() -> None:
    choices = Choices(for_all=TaskChoices(model="gemini-2.5-flash", temperature=0.5, media_resolution="high"))
    event = Rig.event_of(Source(UPLOADS, "a.jpg", 1), "segment")
    event = replace(event, settings=resolve_settings("segment", choices))

    request = request_for(event, model_id="gemini-3.8-flash")

    assert (request.temperature, request.media_resolution) == (None, "high")
    assert (request.thinking_budget, request.thinking_level) == (None, "low")
