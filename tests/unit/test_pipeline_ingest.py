"""Uploads become image events, from the event alone."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from shared.adapters.memory import MemoryPublisher
from shared.core.errors import TransientError
from shared.core.events.envelopes import Upload, format_image_event, parse_image_event, parse_upload
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.results import schemas
from shared.core.values import Source
from shared.pipeline.ingest import ingest
from tests.rig import SERVICE, SETTINGS

RULES = Rules(Choices(tasks=("caption", "detect", "segment")))


def _published(upload: Upload, rules: Rules = RULES) -> list[dict[str, object]]:
    publisher = MemoryPublisher()
    ingest(upload, rules=rules, settings=SETTINGS, service=SERVICE, publisher=publisher)
    return [json.loads(message.data) for message in publisher.messages.get(SETTINGS.image_topic, [])]


def test_one_event_per_ask_fits_the_schema_and_comes_back_as_it_went() -> None:
    upload = Upload(Source("uploads", "cat.jpg", 17, 5, "image/jpeg", "AAAAAA=="))

    events = _published(upload)

    assert [parse_image_event(json.dumps(event).encode()).tasks for event in events] == [
        ("caption",),
        ("segment", "detect"),
    ]
    for event in events:
        assert schemas.problem(event, schemas.IMAGE_EVENT) is None
        parsed = parse_image_event(json.dumps(event).encode())
        assert json.loads(format_image_event(parsed).data) == event
        assert parsed.source == upload.source


def test_events_say_when_the_upload_came_where_its_event_says_so() -> None:
    resource = {"bucket": "uploads", "name": "cat.jpg", "generation": "17", "contentType": "image/jpeg"}
    told = _published(parse_upload(resource | {"timeCreated": "2026-11-21T08:00:00.123Z"}))

    assert [event["uploaded_at"] for event in told] == 2 * ["2026-11-21T08:00:00.123Z"]
    for event in told:
        assert schemas.problem(event, schemas.IMAGE_EVENT) is None
        assert json.loads(format_image_event(parse_image_event(json.dumps(event).encode())).data) == event
    for odd in (None, 7, "", "yesterday", "2026-11-21", "2026-11-21T08:00:00", {"seconds": 1}):
        assert all("uploaded_at" not in event for event in _published(parse_upload(resource | {"timeCreated": odd})))


def test_what_may_wait_for_a_batch_job_does_not_say_when_it_came() -> None:
    upload = Upload(Source("uploads", "cat.jpg", 17, 5, "image/jpeg"), uploaded_at="2026-11-21T08:00:00Z")

    told = _published(upload, Rules(Choices(tasks=("caption", "detect", "segment"), lane="batch")))

    assert [(event["lane"], "uploaded_at" in event) for event in told] == 2 * [("batch", False)]


def test_all_events_of_an_upload_are_published_in_one_call_with_the_attributes_that_filters_need() -> None:
    publisher = MemoryPublisher()

    ingest(
        Upload(Source("uploads", "cat.jpg", 17, 5, "image/jpeg")),
        rules=RULES,
        settings=SETTINGS,
        service=SERVICE,
        publisher=publisher,
    )

    assert publisher.faults.calls == {"publish": 1}
    attributes = [message.attributes for message in publisher.messages[SETTINGS.image_topic]]
    assert attributes == [
        {"schema": "uplook.image/1", "task": "caption", "bucket": "uploads", "run": "v1"},
        {"schema": "uplook.image/1.1", "task": "segment", "bucket": "uploads", "run": "v1"},
    ]


@pytest.mark.fault(13, 21)
@pytest.mark.parametrize(
    ("bucket", "name", "content_type"),
    [
        ("results", "v1/uploads/cat.jpg/17/segment/overlay.jpg", "image/jpeg"),
        ("uploads", "folder/", "text/plain"),
        ("uploads", "notes.txt", "text/plain"),
        ("uploads", "film.mp4", "video/mp4"),
    ],
)
def test_what_is_no_upload_of_an_image_publishes_nothing(bucket: str, name: str, content_type: str) -> None:
    assert _published(Upload(Source(bucket, name, 17, 5, content_type))) == []


def test_a_failed_publish_asks_for_the_event_again() -> None:
    publisher = MemoryPublisher()
    publisher.faults.add("publish", TransientError("away"))

    with pytest.raises(TransientError):
        ingest(
            Upload(Source("uploads", "a.jpg", 1)), rules=RULES, settings=SETTINGS, service=SERVICE, publisher=publisher
        )


@pytest.mark.fault(29, 30)
@pytest.mark.parametrize(
    ("name", "metadata"),
    [("uplook/v1/uploads/cat.jpg/17/segment/overlay.jpg", {}), ("copied/overlay.jpg", {"uplook-attempt": "forged"})],
)
def test_what_lies_among_results_or_carries_our_stamp_is_left_out_and_logged(
    name: str, metadata: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    publisher = MemoryPublisher()
    settings = replace(SETTINGS, results_bucket="uploads", results_prefix="uplook/")
    upload = Upload(Source("uploads", name, 17, 5, "image/jpeg"), metadata)

    with caplog.at_level(logging.INFO, logger="uplook"):
        ingest(upload, rules=RULES, settings=settings, service=SERVICE, publisher=publisher)

    assert publisher.messages == {}
    assert [record.getMessage() for record in caplog.records] == ["left out"]
