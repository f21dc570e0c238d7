"""Whatever Pub/Sub gave up on ends as an error result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.errors import TransientError
from shared.core.events import storage_events
from shared.core.events.envelopes import format_image_event
from shared.core.ports import Message
from shared.core.results import schemas
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.rig import WORK, Rig


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
