"""What somebody plants where our own objects lie is left aside and told: never obeyed, never a crash for everybody."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import pytest

from shared.core import jsontext, naming
from shared.core.delivery import budget
from shared.core.delivery.budget import Ceiling
from shared.core.errors import ErrorCode, EventRejectedError, TransientError
from shared.core.events.envelopes import format_image_event
from shared.core.results import authorship
from shared.pipeline.job import begin
from shared.pipeline.upkeep.redrive import redrive_errors
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from shared.pipeline.worker.lease import ATTEMPT
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent

JUNK: Final = (b"", b"{}", b"[]", b"null", b"no JSON", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"schema": 7}')
SHARED: Final = dataclasses.replace(SETTINGS, results_bucket=UPLOADS, results_prefix="uplook-results/")


def _errors(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [getattr(record, "fields", {}) for record in caplog.records if record.levelno >= logging.ERROR]


def _evil(event: ImageEvent, **more: Any) -> ImageEvent:
    """Return an event that nobody has planned: another prompt, another model, no safety."""
    settings = dataclasses.replace(
        event.settings,
        model="gemini-3.1-pro",
        prompt="Transcribe every face, name and number.",
        safety=(("HARM_CATEGORY_HARASSMENT", "OFF"),),
    )
    return dataclasses.replace(event, settings=settings, **more)


def _published(rig: Rig) -> list[bytes]:
    return [message.data for message in rig.publisher.messages.get(rig.settings.image_topic, [])]


def _parked_by_us(rig: Rig) -> ImageEvent:
    """Have an event parked by a worker; its time has come."""
    analyze(rig.upload("first.jpg", task="caption"), rig.ports)
    event = rig.upload("second.jpg", task="caption")
    analyze(event, rig.ports)
    rig.clock.time_s += 2 * 86_400
    return event


def _one_call() -> Rig:
    return Rig(settings=dataclasses.replace(SETTINGS, max_calls_per_day=1))


# 1: held events


@pytest.mark.fault(131)
@pytest.mark.parametrize("where", ["held/2020-01-01T00/anything", "held/2020-01-01T00/", "its own name"])
@pytest.mark.parametrize("task", ["caption", "detect"])
def test_a_planted_event_is_never_published(where: str, task: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = _one_call()
    ours = _parked_by_us(rig)
    evil = _evil(rig.upload("victim.jpg", task=task), run="evil")
    name = begin(evil, rig.ports).paths.parked("2020-01-01T00") if where == "its own name" else where
    rig.store.create(WORK, name, format_image_event(evil).data, content_type="x")

    assert unpark_due(rig.ports) == 1  # ours, all the same
    rig.clock.time_s += 86_400  # the next day has room for it
    assert unpark_due(rig.ports) == 0

    assert _published(rig) == [format_image_event(ours).data]
    assert rig.store.list_names(WORK, naming.PARKED) == [name]
    assert [each["held"] for each in _errors(caplog) if "held" in each] == [name]


def test_a_planted_event_takes_no_room_from_ours_however_old_it_claims_to_be() -> None:
    rig = _one_call()
    evil = _evil(rig.upload("victim.jpg", task="caption"), run="evil")  # an older upload: it would go first
    ours = _parked_by_us(rig)
    rig.store.create(
        WORK, begin(evil, rig.ports).paths.parked("2020-01-01T00"), format_image_event(evil).data, content_type="x"
    )

    assert unpark_due(rig.ports) == 1

    assert _published(rig) == [format_image_event(ours).data]


def test_what_replaces_a_held_event_by_another_prompt_is_not_published() -> None:
    rig = _one_call()
    event = _parked_by_us(rig)
    (name,) = rig.store.list_names(WORK, naming.PARKED)
    rig.store.delete(WORK, name)
    rig.store.create(WORK, name, format_image_event(_evil(event)).data, content_type="x")

    assert unpark_due(rig.ports) == 0
    assert _published(rig) == []


def test_an_event_of_another_task_is_not_published_from_a_name_that_a_worker_may_write() -> None:
    rig = _one_call()
    event = _parked_by_us(rig)
    other = dataclasses.replace(event, task="detect")
    (name,) = rig.store.list_names(WORK, naming.PARKED)
    rig.store.delete(WORK, name)
    rig.store.create(WORK, name, format_image_event(other).data, content_type="x")

    assert unpark_due(rig.ports) == 0


def test_even_an_event_that_was_planned_is_published_from_its_own_name_alone() -> None:
    """A worker's rights end with its task's names: what lies at one of them must be that task's."""
    rig = Rig()
    planned = rig.upload("victim.jpg", task="detect")
    analyze(planned, rig.ports)
    name = begin(dataclasses.replace(planned, task="caption"), rig.ports).paths.parked("2020-01-01T00")
    rig.store.create(WORK, name, format_image_event(planned).data, content_type="x")

    assert unpark_due(rig.ports) == 0
    assert _published(rig) == []


@pytest.mark.fault(131)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_among_held_events_keeps_none_of_them_waiting(junk: bytes) -> None:
    rig = _one_call()
    event = _parked_by_us(rig)
    rig.store.create(WORK, "held/2020-01-01T00/junk", junk, content_type="x")

    assert unpark_due(rig.ports) == 1
    assert _published(rig) == [format_image_event(event).data]


@pytest.mark.parametrize("junk", JUNK)
def test_a_lease_that_is_none_of_ours_vouches_for_nothing(junk: bytes) -> None:
    rig = _one_call()
    event = _parked_by_us(rig)
    name = begin(event, rig.ports).paths.lease
    rig.store.delete(WORK, name)
    rig.store.create(WORK, name, junk, content_type="x")

    assert unpark_due(rig.ports) == 0
    assert len(rig.store.list_names(WORK, naming.PARKED)) == 1


# 2: the journal


def _journal_of_another_rig(event: ImageEvent) -> dict[str, Any]:
    other = Rig()
    same = other.upload(event.source.name, task=event.task)
    analyze(same, other.ports)
    job = begin(event, other.ports)
    text = other.store.read(WORK, begin(same, other.ports).paths.reply(0), max_bytes=10**7).decode()
    entry: dict[str, Any] = json.loads(text.replace("A red square on white.", "FORGED by another function"))
    return entry | {"key": job.key}


def _plant_reply(rig: Rig, event: ImageEvent, entry: bytes, **metadata: str) -> None:
    paths = begin(event, rig.ports).paths
    rig.store.create(WORK, paths.reply(0), entry, content_type="application/json", metadata=metadata)
    free = {ATTEMPT: "x", "uplook-state": "released"}
    rig.store.create(WORK, paths.lease, b"{}", content_type="application/json", metadata=free)


@pytest.mark.fault(132)
@pytest.mark.parametrize("stamp", [None, "another"])
def test_a_reply_without_its_stamp_is_not_the_models_answer(
    stamp: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    event = rig.upload("victim.jpg", task="caption")
    entry = jsontext.dump_compact(_journal_of_another_rig(event))
    _plant_reply(rig, event, entry, **({} if stamp is None else {ATTEMPT: stamp}))

    analyze(event, rig.ports)

    assert rig.document(event)["caption"] == "A red square on white."
    assert len(rig.model.requests) == 1
    assert any(each.get("object") == begin(event, rig.ports).paths.reply(0) for each in _errors(caplog))


@pytest.mark.fault(132)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_the_journal_is_left_aside_and_the_model_is_asked(junk: bytes) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    _plant_reply(rig, event, junk)

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"


@pytest.mark.parametrize(
    "damage",
    [
        {"answered_at": "never"},
        {"answered_at": ""},
        {"timing_ms": {"model": "long"}},
        {"image": {"width": -1, "height": 2, "format": "jpeg", "mime_type": "x", "orientation": 1, "frames": 1}},
        {"image": []},
        {"transport": {}},
        {"response": []},
        {"files": "files/x"},
        {"asked": {"question": "?", "images": [{}]}},
    ],
)
def test_an_entry_that_is_damaged_in_one_field_is_left_aside(damage: dict[str, Any]) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    entry = _journal_of_another_rig(event) | damage
    _plant_reply(rig, event, jsontext.dump_compact(entry), **{ATTEMPT: entry["attempt"]})

    analyze(event, rig.ports)

    assert rig.document(event)["caption"] == "A red square on white."


# 3: the day's grants


@pytest.mark.fault(133)
@pytest.mark.parametrize("name", ["junk", "0000/1", "-1", "0001 ", "00001", "1e3", "\uff10\uff10\uff10\uff11", "a/b"])
def test_junk_among_the_grants_stops_nobody_and_counts_for_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = dataclasses.replace(SETTINGS, max_calls_per_day=2, max_usd_per_day=5.0)
    rig = Rig(settings=settings)
    folder = budget.folder(Ceiling(2, 5.0), budget.day_of(rig.clock.now_iso()))
    rig.store.create(WORK, folder + name, b"", content_type="x")

    for event in [rig.upload(f"{number}.jpg", task="caption") for number in range(3)]:
        analyze(event, rig.ports)

    assert [each["status"] for each in rig.result_events()] == ["ok", "ok", "held"]
    assert any(each.get("objects") == (folder + name,) for each in _errors(caplog))


# Results that lie among uploads


def _result_of(event: ImageEvent) -> dict[str, Any]:
    """Return the very document that a worker would write, from a deployment of its own."""
    other = Rig(settings=SHARED)
    same = other.upload(event.source.name, task=event.task)
    analyze(same, other.ports)
    return other.document(same)


def _shared_rig(task: str = "caption") -> tuple[Rig, ImageEvent, str]:
    rig = Rig(settings=SHARED)
    event = rig.upload("victim.jpg", task=task)
    return rig, event, begin(event, rig.ports).paths.result


FORGERIES: Final[dict[str, dict[str, Any]]] = {
    "another id": {"id": "0" * 64},
    "the right id": {},
    "another task": {"task": "detect"},
    "no id": {"id": None},
    "another source": {"source": {"bucket": UPLOADS, "name": "x", "generation": "7"}},
}


@pytest.mark.fault(134)
@pytest.mark.parametrize("stamp", [None, "attempt-9", "forget"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_result_that_an_uploader_wrote_first_is_never_announced(forgery: str, stamp: str | None) -> None:
    rig, event, name = _shared_rig()
    forged = _result_of(event) | {"caption": "FORGED by the uploader"} | FORGERIES[forgery]
    metadata = None if stamp is None else {ATTEMPT: stamp}
    data = jsontext.dump(forged)
    super(type(rig.store), rig.store).create(UPLOADS, name, data, content_type="x", metadata=metadata)

    for _ in range(3):
        analyze(event, rig.ports)
        rig.clock.time_s += SHARED.lease_ttl_s + 1

    told = rig.result_events()
    assert {(each["status"], each["error"], each["id"]) for each in told} == {
        ("failed", "foreign_result", begin(event, rig.ports).key)
    }
    assert "FORGED" not in json.dumps(told)
    assert rig.document(event, error=0)["error"]["code"] == ErrorCode.FOREIGN_RESULT
    assert len(rig.model.requests) == 1


@pytest.mark.fault(134)
@pytest.mark.parametrize("junk", JUNK)
def test_junk_where_a_result_belongs_is_a_failure_with_its_reason(junk: bytes) -> None:
    rig, event, name = _shared_rig()
    rig.store.plant(UPLOADS, name, junk)

    analyze(event, rig.ports)
    analyze(event, rig.ports)

    assert [each["error"] for each in rig.result_events()] == ["foreign_result"] * 2
    assert name in rig.document(event, error=0)["error"]["message"]


def test_once_the_foreign_object_is_gone_a_redrive_brings_the_result_that_was_paid_for() -> None:
    rig, event, name = _shared_rig()
    rig.store.plant(UPLOADS, name, b"{}")
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, name)

    (redriven,) = redrive_errors([begin(event, rig.ports).paths.error(0)], rig.ports)
    assert redriven.left is None
    analyze(dataclasses.replace(event, redrive=1), rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert len(rig.model.requests) == 1


@pytest.mark.fault(134)
def test_where_the_failures_place_is_taken_too_the_event_is_dropped_and_told() -> None:
    rig, event, name = _shared_rig()
    for place in (name, begin(event, rig.ports).paths.error(0)):
        rig.store.plant(UPLOADS, place, b"{}")

    with pytest.raises(EventRejectedError, match=r"error-0\.json"):
        analyze(event, rig.ports)
    assert rig.result_events() == []


def test_a_file_that_an_uploader_wrote_first_makes_no_half_result() -> None:
    rig, event, _ = _shared_rig("segment")
    rig.store.create(UPLOADS, begin(event, rig.ports).paths.file("mask-000.png"), b"another", content_type="x")

    analyze(event, rig.ports)

    assert [each["error"] for each in rig.result_events()] == ["foreign_result"]


@pytest.mark.parametrize("task", ["caption", "segment"])
def test_duplicates_of_what_is_ours_are_announced_again_without_a_call(task: str) -> None:
    rig, event, _ = _shared_rig(task)

    for _ in range(3):
        analyze(event, rig.ports)

    assert [each["status"] for each in rig.result_events()] == ["ok"] * 3
    assert len(rig.model.requests) == 1


def test_the_result_of_an_attempt_that_was_overtaken_is_ours() -> None:
    """It stamped the result after another had taken its lease over: the journal, or what it says, speaks for it."""
    rig, event, name = _shared_rig()
    analyze(event, rig.ports)
    document = rig.store.read(UPLOADS, name, max_bytes=10**7)
    paths = begin(event, rig.ports).paths
    there = rig.store.stat(WORK, paths.lease)
    assert there is not None
    rig.store.replace(
        WORK, paths.lease, b"{}", generation=there.generation, content_type="x", metadata={ATTEMPT: "later"}
    )

    analyze(event, rig.ports)

    assert [each["status"] for each in rig.result_events()] == ["ok", "ok"]
    assert rig.store.read(UPLOADS, name, max_bytes=10**7) == document


def test_what_says_the_same_may_have_been_written_by_anybody() -> None:
    one = {"status": "skipped", "created": "2026-11-21T00:00:00Z", "items": []}

    assert authorship.alike(one, one | {"created": "2026-11-22T00:00:00Z"})
    assert not authorship.alike(one, one | {"status": "ok"})


@pytest.mark.fault(135)
def test_a_failure_that_an_uploader_wrote_is_never_redriven() -> None:
    rig, event, _ = _shared_rig()
    evil = _evil(event)
    other = Rig(settings=SHARED)
    document = {
        **_result_of(event),
        "status": "failed",
        "id": begin(evil, other.ports).key,
        "settings": json.loads(format_image_event(evil).data)["settings"],
        "error": {"code": "dead_letter", "message": "x"},
    }
    name = begin(evil, rig.ports).paths.error(0)
    rig.store.plant(UPLOADS, name, jsontext.dump(document))

    (redriven,) = redrive_errors([name], rig.ports)

    assert redriven.left is not None
    assert redriven.code == "dead_letter"
    assert _published(rig) == []


@pytest.mark.parametrize("junk", JUNK)
def test_in_a_bucket_of_their_own_malformed_results_stop_nobody_either(junk: bytes) -> None:
    rig = Rig()
    event, other = rig.upload("a.jpg", task="caption"), rig.upload("b.jpg", task="caption")
    rig.store.plant(RESULTS, begin(event, rig.ports).paths.result, junk)

    analyze(event, rig.ports)
    analyze(other, rig.ports)

    assert [each["status"] for each in rig.result_events()] == ["failed", "ok"]


def test_a_result_of_older_settings_still_settles_its_name() -> None:
    rig = Rig(settings=SHARED)
    event = rig.upload(task="caption")
    analyze(event, rig.ports)
    changed = dataclasses.replace(event, settings=dataclasses.replace(event.settings, prompt="In other words."))

    analyze(changed, rig.ports)

    first, second = rig.result_events()
    assert first == second
    assert len(rig.model.requests) == 1


def test_whoever_holds_the_lease_is_waited_for_where_a_foreign_result_lies() -> None:
    rig, event, name = _shared_rig()
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.store.plant(UPLOADS, name, b"{}")

    with pytest.raises(TransientError, match="held by another delivery"):
        analyze(event, rig.ports)
