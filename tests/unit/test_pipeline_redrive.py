"""A redrive gives failed work its result, beside the old error; twice is once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.errors import ErrorCode, ModelRejectedError, TransientError
from shared.core.events import storage_events
from shared.core.events.envelopes import ImageEvent, format_image_event, parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.core.results import schemas
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.redrive import redrive_dead_letter, redrive_errors
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, UPLOADS, WORK, Rig, reply

if TYPE_CHECKING:
    from shared.pipeline.upkeep.redrive import Redriven

RULES = Rules(Choices(tasks=("caption",)))
RESOURCE = {"bucket": UPLOADS, "name": "cat.jpg", "generation": "17", "size": "5", "contentType": "image/jpeg"}


def _errors(rig: Rig) -> list[str]:
    return [name for name in rig.store.list_names(RESULTS, "") if ".error-" in name]


def _redrive(rig: Rig, names: list[str] | None = None, **options: Any) -> list[Redriven]:
    return list(redrive_errors(_errors(rig) if names is None else names, rig.ports, **options))


def _image_events(rig: Rig) -> list[ImageEvent]:
    published = rig.publisher.messages.pop(rig.settings.image_topic, [])
    return [parse_image_event(message.data) for message in published]


def _failing(rig: Rig, *, task: str = "detect", name: str = "square.jpg") -> ImageEvent:
    """Upload a picture whose first delivery ends as an error result."""
    event = rig.upload(name, task=task)
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400: no"))
    analyze(event, rig.ports)
    return event


def test_after_a_fix_a_redrive_commits_the_result_beside_the_error() -> None:
    rig = Rig()
    event = _failing(rig)

    (done,) = _redrive(rig)
    (again,) = _image_events(rig)
    analyze(again, rig.ports)

    assert (done.code, done.left) == ("request_refused", None)
    assert again == replace(event, redrive=1)
    assert rig.document(event, error=0)["error"]["code"] == "request_refused"
    assert rig.document(event)["status"] == "ok"
    assert schemas.problem(rig.document(event)) is None
    assert {told["id"] for told in rig.result_events()} == {rig.document(event)["id"]}


def test_what_fails_again_is_the_next_error_and_can_be_redriven_again() -> None:
    rig = Rig()
    event = _failing(rig)
    for number in (1, 2):
        _redrive(rig, [name for name in _errors(rig) if name.endswith(f"error-{number - 1}.json")])
        rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, f"400: no {number}"))
        for again in _image_events(rig):
            analyze(again, rig.ports)

    assert [rig.document(event, error=number)["error"]["message"][-1] for number in (1, 2)] == ["1", "2"]


def test_redriving_twice_before_the_work_is_done_makes_one_call_and_one_result() -> None:
    rig = Rig()
    event = _failing(rig)
    _redrive(rig)
    _redrive(rig)
    first, second = _image_events(rig)

    analyze(first, rig.ports)
    analyze(second, rig.ports)

    assert first == second
    assert len(rig.model.requests) == 1 + 1
    assert rig.document(event)["status"] == "ok"


def test_a_redrive_of_an_unreadable_answer_reads_it_again_and_pays_nothing() -> None:
    rig = Rig(answer=lambda _: reply("I would rather write a poem."))
    event = rig.upload(task="detect")
    analyze(event, rig.ports)
    asked = len(rig.model.requests)
    _redrive(rig)

    for again in _image_events(rig):
        analyze(again, rig.ports)

    assert rig.document(event, error=1)["status"] == "failed"
    assert len(rig.model.requests) == asked


def test_a_dry_run_publishes_nothing() -> None:
    rig = Rig()
    _failing(rig)

    (would,) = _redrive(rig, dry_run=True)

    assert would.left is None
    assert _image_events(rig) == []


def test_only_failures_of_the_code_that_was_asked_for_are_redriven() -> None:
    rig = Rig()
    _failing(rig, name="a.jpg")
    broken = rig.upload("b.jpg", b"no picture at all")
    analyze(broken, rig.ports)

    (done,) = _redrive(rig, takes=lambda code: code == "not_an_image")

    assert done.code == "not_an_image"
    assert [event.source.name for event in _image_events(rig)] == ["b.jpg"]


def test_a_document_of_an_older_version_is_left_with_the_reason() -> None:
    rig = Rig()
    event = _failing(rig)
    (name,) = _errors(rig)
    old = {key: value for key, value in rig.document(event, error=0).items() if key != "settings"}
    rig.store.delete(RESULTS, name)
    rig.store.plant(RESULTS, name, json.dumps(old).encode())

    (left,) = _redrive(rig)

    assert "An older version wrote it" in str(left.left)
    assert (left.task, left.code) == ("detect", "request_refused")
    assert _image_events(rig) == []


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b'{"status": "failed"}'])
def test_what_is_no_result_document_is_left_with_the_reason(data: bytes) -> None:
    rig = Rig()
    rig.store.plant(RESULTS, "v1/b/cat.jpg/7/detect.error-0.json", data)

    (left,) = _redrive(rig)

    assert left.left


def test_a_document_that_vanished_meanwhile_is_told() -> None:
    (left,) = _redrive(Rig(), ["v1/b/cat.jpg/7/detect.error-0.json"])

    assert left.code == "gone"


def test_where_publishing_fails_nothing_is_told_as_done() -> None:
    rig = Rig()
    _failing(rig)
    rig.publisher.faults.add("publish", TransientError("away"))

    with pytest.raises(TransientError):
        _redrive(rig)


def test_large_events_are_redriven_in_requests_that_pubsub_takes() -> None:
    rig = Rig()
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        event = rig.upload(name)
        rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "400: no"))
        analyze(replace(event, settings=replace(event.settings, prompt="x" * 3_000_000)), rig.ports)
    published, publish = list[int](), rig.publisher.publish

    def publish_and_weigh(topic: str, messages: Any) -> None:
        published.append(sum(len(message.data) for message in messages))
        publish(topic, messages)

    rig.publisher.publish = publish_and_weigh  # type: ignore[method-assign]

    assert len(_redrive(rig)) == 4

    assert len(_image_events(rig)) == 4
    assert max(published) < 10_000_000


# Storage events that no function could handle


def _kept(rig: Rig, *, kind: str = storage_events.FINALIZED, data: bytes | None = None) -> str:
    record_dead_letter(Message(data or json.dumps(RESOURCE).encode(), {"ce-type": kind}), rig.ports)
    (name,) = rig.store.list_names(WORK, "dead/")
    return name


def test_a_kept_upload_is_planned_and_then_kept_no_longer() -> None:
    rig = Rig()
    name = _kept(rig)

    done = redrive_dead_letter(name, rig.ports, rules=RULES)

    assert (done.task, done.left) == ("ingest", None)
    assert [(event.task, event.source.name) for event in _image_events(rig)] == [("caption", "cat.jpg")]
    assert rig.store.list_names(WORK, "dead/") == []


def test_a_kept_deletion_is_carried_out() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    analyze(event, rig.ports)
    resource = RESOURCE | {"name": event.source.name, "generation": str(event.source.generation)}
    name = _kept(rig, kind=storage_events.DELETED, data=json.dumps(resource).encode())
    rig.store.delete(UPLOADS, event.source.name)

    assert redrive_dead_letter(name, rig.ports, rules=RULES).task == "forget"

    assert rig.store.list_names(RESULTS, "") == []
    assert _image_events(rig) == []


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    "attributes",
    [
        {"eventType": "OBJECT_ARCHIVE"},
        {"eventType": "OBJECT_METADATA_UPDATE"},
        {"eventType": "OBJECT_DELETE"},
        {"ce-type": "google.cloud.storage.object.v1.archived"},
        {},
    ],
)
def test_a_kept_event_that_was_for_no_function_is_told_and_left(attributes: dict[str, str]) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    analyze(event, rig.ports)
    resource = RESOURCE | {"name": event.source.name, "generation": str(event.source.generation)}
    record_dead_letter(Message(json.dumps(resource).encode(), attributes), rig.ports)
    (name,) = rig.store.list_names(WORK, "dead/")

    left = redrive_dead_letter(name, rig.ports, rules=RULES)

    assert left.code == "other_event"
    assert left.left is not None
    assert _image_events(rig) == []
    assert rig.document(event)["status"] == "ok"
    assert rig.store.list_names(WORK, "dead/") == [name]


def test_a_kept_image_event_of_a_version_that_is_known_by_now_goes_out_again() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    newer = json.loads(format_image_event(event).data) | {"schema": "uplook.image/2"}
    name = _kept(rig, data=json.dumps(newer).encode())
    assert redrive_dead_letter(name, rig.ports, rules=RULES).left is not None
    rig.store.delete(WORK, name)
    rig.store.create(WORK, name, format_image_event(event).data, content_type="application/json")

    assert redrive_dead_letter(name, rig.ports, rules=RULES).left is None

    assert _image_events(rig) == [event]
    assert rig.store.list_names(WORK, "dead/") == []


def test_what_is_still_unreadable_is_told_and_kept() -> None:
    rig = Rig()
    name = _kept(rig, data=b'{"kind": "storage#object"}')

    left = redrive_dead_letter(name, rig.ports, rules=RULES)

    assert left.left is not None
    assert "generation: expected a whole number" in left.left
    assert rig.store.list_names(WORK, "dead/") == [name]


def test_a_dry_run_handles_no_kept_event() -> None:
    rig = Rig()
    name = _kept(rig)

    assert redrive_dead_letter(name, rig.ports, rules=RULES, dry_run=True).left is None

    assert _image_events(rig) == []
    assert rig.store.list_names(WORK, "dead/") == [name]


def test_a_kept_event_stays_where_it_could_not_be_handled() -> None:
    rig = Rig()
    name = _kept(rig)
    rig.publisher.faults.add("publish", TransientError("away"))

    with pytest.raises(TransientError):
        redrive_dead_letter(name, rig.ports, rules=RULES)

    assert rig.store.list_names(WORK, "dead/") == [name]


def test_a_kept_event_that_another_redrive_handled_is_told() -> None:
    left = redrive_dead_letter("dead/gone", Rig().ports, rules=RULES)

    assert left.left == "It is gone: another redrive was faster."
