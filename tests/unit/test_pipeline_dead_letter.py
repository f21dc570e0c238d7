"""Whatever Pub/Sub gave up on ends as an error result."""

from __future__ import annotations

from shared.core import schemas
from shared.core.envelopes import format_image_event
from shared.pipeline.analyze import analyze
from shared.pipeline.dead_letter import record_dead_letter
from tests.rig import WORK, Rig


def test_an_image_event_that_failed_too_often_gets_an_error_result_and_an_event() -> None:
    rig = Rig()
    event = rig.upload()

    record_dead_letter(format_image_event(event).data, rig.ports)

    document = rig.document(event, error=0)
    assert schemas.problem(document, schemas.RESULT) is None
    assert document["error"]["code"] == "dead_letter"
    assert rig.result_events()[0]["status"] == "failed"


def test_a_dead_letter_of_work_that_was_done_only_announces_it_again() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)

    record_dead_letter(format_image_event(event).data, rig.ports)

    assert [told["status"] for told in rig.result_events()] == ["ok", "ok"]


def test_a_dead_letter_delivered_twice_has_one_error_document() -> None:
    rig = Rig()
    event = rig.upload()
    for _ in range(2):
        record_dead_letter(format_image_event(event).data, rig.ports)

    first, second = rig.result_events()
    assert first == second


def test_what_is_no_image_event_is_kept_where_a_person_finds_it() -> None:
    rig = Rig()

    for _ in range(2):
        record_dead_letter(b'{"kind": "storage#object"}', rig.ports)

    (name,) = rig.store.list_names(WORK, "dead/")
    assert rig.store.read(WORK, name, max_bytes=100) == b'{"kind": "storage#object"}'
