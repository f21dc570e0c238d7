"""Whatever Pub/Sub gave up on ends as an error result."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.errors import ErrorCode, ModelRejectedError, TransientError
from shared.core.events import storage_events
from shared.core.events.envelopes import format_image_event
from shared.core.ports import Message
from shared.core.results import schemas
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import KIND, SUBSCRIPTION, record_dead_letter
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests import canary
from tests.rig import WORK, Rig

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent


def test_an_image_event_that_failed_too_often_gets_an_error_result_and_an_event() -> None:
    rig = Rig()
    event = rig.upload()

    record_dead_letter(format_image_event(event), rig.ports)

    document = rig.document(event, error=0)
    assert schemas.problem(document, schemas.RESULT) is None
    assert document["error"]["code"] == "dead_letter"
    assert rig.result_events()[0]["status"] == "failed"


def test_a_dead_letter_of_work_that_was_done_only_announces_it_again() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)

    record_dead_letter(format_image_event(event), rig.ports)

    assert [told["status"] for told in rig.result_events()] == ["ok", "ok"]


def test_a_dead_letter_delivered_twice_has_one_error_document() -> None:
    rig = Rig()
    event = rig.upload()
    for _ in range(2):
        record_dead_letter(format_image_event(event), rig.ports)

    first, second = rig.result_events()
    assert first == second


def test_what_is_no_image_event_is_kept_where_a_person_finds_it() -> None:
    rig = Rig()

    for _ in range(2):
        record_dead_letter(Message(b'{"kind": "storage#object"}', {}), rig.ports)

    (name,) = rig.store.list_names(WORK, "dead/")
    assert rig.store.read(WORK, name, max_bytes=100) == b'{"kind": "storage#object"}'


@pytest.mark.parametrize("attributes", [{"ce-type": storage_events.DELETED}, {"eventType": "OBJECT_DELETE"}])
def test_an_upload_and_its_deletion_are_kept_apart_although_their_data_are_alike(attributes: dict[str, str]) -> None:
    rig = Rig()

    record_dead_letter(Message(b"{}", {}), rig.ports)
    record_dead_letter(Message(b"{}", attributes), rig.ports)

    kept = [rig.store.stat(WORK, name) for name in rig.store.list_names(WORK, "dead/")]
    assert sorted(storage_events.is_deletion(info.metadata["uplook-event"]) for info in kept if info) == [False, True]


def test_a_failed_redrive_is_recorded_beside_the_first_failure_under_its_own_number() -> None:
    rig = Rig()
    event = rig.upload()
    for redrive in (0, 1):
        record_dead_letter(format_image_event(replace(event, redrive=redrive)), rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"
    assert rig.document(event, error=1)["error"]["code"] == "dead_letter"


def test_a_delivery_that_is_still_at_work_is_not_declared_dead() -> None:
    rig = Rig()
    event = rig.upload()
    lease.claim(begin(event, rig.ports), rig.ports)

    with pytest.raises(TransientError, match="held by another delivery"):
        record_dead_letter(format_image_event(event), rig.ports)

    assert rig.result_events() == []
    assert rig.clock.time_s == Rig().clock.time_s  # it comes again; it does not wait here


def test_a_delivery_that_died_is_declared_dead_when_its_lease_has_expired() -> None:
    rig = Rig()
    event = rig.upload()
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1

    record_dead_letter(format_image_event(event), rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"


def test_a_redrive_need_not_wait_for_the_dead_letters_lease() -> None:
    rig = Rig()
    event = rig.upload()
    record_dead_letter(format_image_event(event), rig.ports)

    analyze(replace(event, redrive=1), rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert rig.clock.time_s == Rig().clock.time_s


def test_a_dead_letter_that_cannot_be_written_comes_again_and_lets_the_lease_go() -> None:
    rig = Rig()
    event = rig.upload()
    rig.publisher.faults.add("publish", TransientError("away"))

    with pytest.raises(TransientError):
        record_dead_letter(format_image_event(event), rig.ports)
    record_dead_letter(format_image_event(event), rig.ports)

    assert [told["status"] for told in rig.result_events()] == ["failed"]


# The reason


def _message(rig: Rig, event: ImageEvent) -> str:
    """Record the dead letter and return what document and event say of it, which is the same."""
    record_dead_letter(format_image_event(event), rig.ports)
    text = str(rig.document(event, error=0)["error"]["message"])
    told = rig.result_events()[-1]
    assert (told["error"], told["error_message"]) == ("dead_letter", text[:500])
    return text


@pytest.mark.fault(129)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            TransientError("Cloud Storage, gs://uploads/square.jpg: 503 Backend Error"),
            "Cloud Storage, gs://uploads/square.jpg: 503 Backend Error",
        ),
        (RuntimeError("list index out of range"), "RuntimeError: list index out of range"),
        (KeyError("boxes"), "KeyError: 'boxes'"),
    ],
)
def test_a_dead_letter_quotes_the_last_error_of_the_worker(error: Exception, reason: str) -> None:
    rig = Rig()
    event = rig.upload()
    for each in (TransientError("an earlier one"), error):

        def fail(_: object, each: Exception = each) -> Any:
            raise each

        rig.answer = fail
        with pytest.raises(type(each)):
            analyze(event, rig.ports)

    text = _message(rig, event)

    assert f"The last error: {reason}. Redrive" in text
    assert "an earlier one" not in text


@pytest.mark.fault(129)
def test_a_reason_survives_the_deaths_of_those_who_come_after_it() -> None:
    rig = Rig()
    event = rig.upload()
    rig.store.faults.add("read", TransientError("503 Backend Error"))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    lease.claim(begin(event, rig.ports), rig.ports)  # killed: it never lets go
    rig.clock.time_s += rig.settings.lease_ttl_s + 1

    text = _message(rig, event)

    assert "its instance was killed" in text
    assert "The last error before that: 503 Backend Error" in text


@pytest.mark.fault(111, 129)
def test_a_dead_letter_of_killed_instances_says_so() -> None:
    rig = Rig()
    event = rig.upload()
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1
    rig.publisher.faults.add("publish", TransientError("away"))  # and its own first try fails
    with pytest.raises(TransientError):
        record_dead_letter(format_image_event(event), rig.ports)

    assert "its instance was killed, as for too much memory, or cut." in _message(rig, event)


@pytest.mark.fault(129)
def test_a_dead_letter_of_a_function_that_never_worked_says_so() -> None:
    rig = Rig()

    assert "None got as far as its lease" in _message(rig, rig.upload())


@pytest.mark.fault(129)
def test_a_reason_holds_no_secret_no_line_break_and_no_more_than_a_lease_can_carry() -> None:
    rig = Rig()
    event = rig.upload()
    told = f"refused: {canary.KEY}\n" + "ü\ud800" * 5000
    rig.store.faults.add("read", TransientError(told))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    (name,) = rig.store.list_names(WORK, "leases/")
    kept = rig.store.stat(WORK, name)

    text = _message(rig, event)

    assert kept is not None
    assert sum(len(f"{key}{value}".encode()) for key, value in kept.metadata.items()) <= 8192
    assert "refused: [redacted] ü?ü?" in text
    assert len(text) < 1000


@pytest.mark.fault(129)
def test_an_error_that_was_overcome_is_no_reason() -> None:
    rig = Rig()
    event = rig.upload()
    rig.store.faults.add("read", TransientError("503"))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "no"))
    analyze(event, rig.ports)  # an error result, whose redrive ends as a dead letter

    record_dead_letter(format_image_event(replace(event, redrive=1)), rig.ports)

    assert "None of them left a reason" in rig.document(event, error=1)["error"]["message"]


# Storage events


@pytest.mark.fault(125)
def test_what_eventarc_gave_up_on_is_kept_with_its_subscription() -> None:
    rig = Rig()
    attributes = {
        "eventType": "OBJECT_DELETE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": "uploads",
        "objectId": "cat.jpg",
        "objectGeneration": "7",
        "CloudPubSubDeadLetterSourceSubscription": "eventarc-us-central1-uplook-forget-123-sub-456",
    }

    record_dead_letter(Message(b'{"kind": "storage#object"}', attributes), rig.ports)

    (name,) = rig.store.list_names(WORK, "dead/")
    kept = rig.store.stat(WORK, name)
    assert kept is not None
    assert (kept.metadata[KIND], kept.metadata[SUBSCRIPTION]) == (
        "OBJECT_DELETE",
        "eventarc-us-central1-uplook-forget-123-sub-456",
    )


@pytest.mark.fault(124)
def test_what_has_no_data_is_kept_by_what_its_attributes_say() -> None:
    rig = Rig()
    named = {"eventType": "OBJECT_FINALIZE", "bucketId": "uploads", "objectId": "cat.jpg", "objectGeneration": "7"}

    for attributes in (named, named | {"objectGeneration": "8"}, {"task": "caption"}, {"task": "ask"}, {}):
        record_dead_letter(Message(b"", attributes), rig.ports)

    kept = [rig.store.read(WORK, name, max_bytes=1000) for name in rig.store.list_names(WORK, "dead/")]
    assert sorted(json.loads(data).get("generation", "") for data in kept) == ["", "", "", "7", "8"]
    assert {"attributes": {"task": "ask"}} in [json.loads(data) for data in kept]
