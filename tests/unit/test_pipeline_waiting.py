"""Who waits for what: a model that is away for hours, a role that was lost, slots full of dead deliveries."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.delivery.waiting import GIVE_UP_AFTER, LEASE_WAIT_S, PARK_AFTER
from shared.core.errors import (
    AwayError,
    ConfigurationError,
    ObjectRefusedError,
    RefusedError,
    ThrottledError,
    TransientError,
)
from shared.core.events import envelopes
from shared.core.gemini.request import InlineImage
from shared.core.values import Source
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig, picture, reply

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent

HOUR_S = 3600.0
VERTEX = dataclasses.replace(SETTINGS, enterprise=True, project="local-dev")


def _away(rig: Rig, error: Exception) -> None:
    def refuse(_: object) -> Any:
        raise error

    rig.answer = refuse


def _deliver(rig: Rig, event: ImageEvent, *, attempts: int = 20) -> int:
    """Deliver until the event is acknowledged; return how many deliveries that took, 0 if it was in vain."""
    for attempt in range(1, attempts + 1):
        try:
            analyze(event, dataclasses.replace(rig.ports, pacer=Pacer()))
        except TransientError:
            rig.clock.time_s += 10
        else:
            return attempt
    return 0


def _released(rig: Rig) -> list[ImageEvent]:
    rig.clock.time_s += HOUR_S
    unpark_due(rig.ports)
    messages = rig.publisher.messages.pop(rig.settings.image_topic, [])
    return [envelopes.parse_image_event(message.data) for message in messages]


# A model that is away


@pytest.mark.fault(127)
@pytest.mark.parametrize("error", [AwayError("503: overloaded"), ThrottledError("429: too many")])
def test_a_model_that_is_away_for_hours_is_waited_for_and_no_dead_letter(error: Exception) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    _away(rig, error)

    assert _deliver(rig, event) == PARK_AFTER
    told = rig.result_events()[-1]
    assert (told["status"], told["error"]) == ("held", "model_away")
    for _ in range(5):  # one probe an hour
        (again,) = _released(rig)
        asked = len(rig.model.requests)
        assert _deliver(rig, again) == 1
        assert 1 <= len(rig.model.requests) - asked <= 3

    rig.answer = None
    (again,) = _released(rig)
    assert _deliver(rig, again) == 1
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(127)
def test_after_a_week_of_probes_it_is_a_dead_letter_with_its_reason() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    _away(rig, AwayError("503: overloaded"))
    probes = 0
    events = [event]
    while events and _deliver(rig, event):
        events = _released(rig)
        probes += len(events)

    record_dead_letter(envelopes.format_image_event(event), rig.ports)

    assert probes == GIVE_UP_AFTER - PARK_AFTER + 1
    assert "The last error: 503: overloaded" in rig.document(event, error=0)["error"]["message"]


@pytest.mark.fault(127)
def test_an_image_whose_own_request_fails_is_never_parked() -> None:
    """It would be asked about every hour for ever."""
    rig = Rig()
    event = rig.upload(task="caption")
    _away(rig, RefusedError("500: an internal error"))

    assert _deliver(rig, event, attempts=3 * PARK_AFTER) == 0
    assert rig.store.list_names(WORK, "held/") == []


@pytest.mark.fault(127)
def test_only_deliveries_in_a_row_count() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    for error in [AwayError("503")] * (PARK_AFTER - 1) + [RefusedError("500")] + [AwayError("503")] * (PARK_AFTER - 1):
        _away(rig, error)
        with pytest.raises(RefusedError):
            analyze(event, rig.ports)

    _away(rig, AwayError("503"))
    analyze(event, rig.ports)

    assert rig.result_events()[-1]["error"] == "model_away"


# A role that was lost, and an object that is not handed out


@pytest.mark.fault(123)
@pytest.mark.parametrize(("operation", "bucket"), [("read", UPLOADS), ("create", RESULTS)])
def test_a_lost_role_parks_the_event_and_costs_one_probe_an_hour(operation: str, bucket: str) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    call = getattr(rig.store, operation)
    tries: list[str] = []

    def refuse(where: str, *rest: Any, **options: Any) -> Any:
        if where == bucket:
            tries.append(where)
            raise ConfigurationError("403: does not have storage.objects access")
        return call(where, *rest, **options)

    setattr(rig.store, operation, refuse)
    assert _deliver(rig, event) == 1
    for _ in range(3):
        (again,) = _released(rig)
        assert _deliver(rig, again) == 1
    assert (len(tries), rig.result_events()[-1]["error"]) == (4, "configuration")

    setattr(rig.store, operation, call)
    (again,) = _released(rig)
    assert _deliver(rig, again) == 1
    assert rig.document(event)["status"] == "ok"
    assert len(rig.model.requests) == 1  # what was paid for lies in the journal


@pytest.mark.fault(122)
@pytest.mark.parametrize(("settings", "operation"), [(SETTINGS, "read"), (VERTEX, "read_head")])
def test_an_object_that_storage_will_not_hand_out_is_final_at_once(settings: Any, operation: str) -> None:
    rig = Rig(settings=settings)
    event = rig.upload(task="caption")
    rig.store.faults.add(operation, ObjectRefusedError("Cloud Storage: requester pays. Let the owner pay."))

    analyze(event, rig.ports)

    told = rig.document(event, error=0)["error"]
    assert told == {"code": "storage_refused", "message": "Cloud Storage: requester pays. Let the owner pay."}
    assert rig.model.requests == []


@pytest.mark.fault(122)
def test_of_our_own_buckets_such_a_refusal_may_be_mended() -> None:
    rig = Rig()
    event = rig.upload(task="caption")

    def answer_and_disable_the_key(_: object) -> Any:
        for _attempt in range(3):
            rig.store.faults.add("create", ObjectRefusedError("the Cloud KMS key is disabled"))
        return reply('{"caption": "A square."}')

    rig.answer = answer_and_disable_the_key
    with pytest.raises(TransientError):
        analyze(event, rig.ports)


# Leases of the dead


@pytest.mark.fault(128)
def test_the_leases_of_a_killed_instance_keep_no_slot_for_longer_than_a_call_takes() -> None:
    """Eight slots, all killed in flight; their events come again at once, and a fresh image behind them."""
    slots, call_s = 8, 4.0
    rig = Rig()

    def answer(_: object) -> Any:
        rig.clock.time_s += call_s
        return reply('{"caption": "A square."}')

    rig.answer = answer
    killed = [rig.upload(f"{number}.jpg", task="caption") for number in range(slots)]
    for event in killed:
        lease.claim(begin(event, rig.ports), rig.ports)
    busy_s = []
    for event in killed:
        began_s = rig.clock.time_s
        with pytest.raises(TransientError, match="held by another"):
            analyze(event, rig.ports)
        busy_s.append(rig.clock.time_s - began_s)

    began_s = rig.clock.time_s
    analyze(rig.upload("fresh.jpg", task="caption"), rig.ports)
    usual_s = rig.clock.time_s - began_s

    assert max(busy_s) <= LEASE_WAIT_S
    assert min(busy_s) + usual_s <= 2 * usual_s  # slots run side by side: the first that is free serves it


@pytest.mark.fault(3, 128)
def test_a_holder_that_ends_within_the_wait_is_waited_for() -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    job = begin(event, rig.ports)
    held = lease.claim(job, rig.ports)
    assert isinstance(held, lease.HeldLease)

    def let_go(_: float) -> None:
        with contextlib.suppress(TransientError):
            lease.release(job, held, rig.ports)

    rig.clock.on_sleep = let_go

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"


# Uploads that are stored as gzip, and those of which no event says more than the name


@pytest.mark.fault(33)
@pytest.mark.parametrize("settings", [SETTINGS, VERTEX])
@pytest.mark.parametrize("task", ["caption", "detect"])
def test_an_upload_that_is_stored_as_gzip_is_decoded_and_travels_inside(settings: Any, task: str) -> None:
    rig = Rig(settings=settings)
    event = rig.upload(data=gzip.compress(picture()), task=task)

    analyze(event, rig.ports)

    assert rig.model.requests[0].images == (InlineImage(picture(), "image/jpeg"),)
    document = rig.document(event)
    assert (document["status"], document["image"]["width"]) == ("ok", 80)
    assert any("gzip" in text for text in document["warnings"])
    assert any(file["name"].endswith("overlay.jpg") for file in document["files"]) is (task == "detect")


@pytest.mark.fault(126)
def test_a_gzip_bomb_is_refused_by_name_before_the_model_is_asked() -> None:
    rig = Rig()
    event = rig.upload(task="caption", data=gzip.compress(b"\0" * 200_000))
    event = dataclasses.replace(event, settings=dataclasses.replace(event.settings, max_bytes=100_000))

    analyze(event, rig.ports)

    told = rig.document(event, error=0)["error"]
    assert (told["code"], "gzip" in told["message"]) == ("too_many_bytes", True)
    assert rig.model.requests == []


@pytest.mark.fault(33)
def test_what_is_labelled_as_gzip_and_is_none_is_taken_as_it_is() -> None:
    rig = Rig()
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert not any("gzip" in text for text in rig.document(event)["warnings"])


@pytest.mark.fault(33)
def test_a_manifest_may_be_stored_as_gzip() -> None:
    rig = Rig()
    rig.upload("a.jpg")
    manifest = json.dumps({"schema": "uplook.manifest/1", "question": "Which is red?", "images": ["a.jpg"]})
    event = rig.upload("q.uplook.json", data=gzip.compress(manifest.encode()), task="ask")

    analyze(event, rig.ports)

    assert rig.document(event)["question"] == "Which is red?"


@pytest.mark.fault(124)
@pytest.mark.parametrize("settings", [SETTINGS, VERTEX])
def test_an_upload_of_unknown_size_and_type_is_read_and_answered(settings: Any) -> None:
    rig = Rig(settings=settings)
    known = rig.upload(task="caption")
    bare = Source(known.source.bucket, known.source.name, known.source.generation, None, None, None)

    analyze(rig.event_of(bare, "caption"), rig.ports)

    assert rig.document(rig.event_of(bare, "caption"))["status"] == "ok"


@pytest.mark.fault(124)
def test_a_result_of_ours_that_came_without_its_metadata_is_no_upload() -> None:
    """Two deployments that feed each other by notifications without payload would go round for ever."""
    rig = Rig()
    stamp = {"uplook-attempt": "another deployment's"}
    generation = rig.store.create(UPLOADS, "overlay.jpg", picture(), content_type="image/jpeg", metadata=stamp)
    event = rig.event_of(Source(UPLOADS, "overlay.jpg", generation, None, None, None), "caption")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert (document["status"], document["error"]["code"]) == ("skipped", "own_output")
    assert rig.model.requests == []
