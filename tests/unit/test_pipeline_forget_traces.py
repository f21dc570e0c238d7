"""What others know of an upload goes with it: manifests' answers, storage events, copies outside; and no more."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.memory_faults import Faults
from shared.core import jsontext, naming
from shared.core.delivery import seen
from shared.core.delivery.seen import SeenError
from shared.core.errors import ConfigurationError, FileUnavailableError, TransientError
from shared.core.events import storage_events
from shared.core.events.envelopes import ImageEvent, Upload, format_image_event, parse_image_event
from shared.core.naming import Paths
from shared.core.planning.plan import plan
from shared.core.planning.rules import parse_rules
from shared.core.ports import Message
from shared.core.values import Source
from shared.pipeline.job import begin
from shared.pipeline.ports import Ports
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.forget import NOT_REACHED, forget
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, CrashBefore, Rig, reply

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = parse_rules('[defaults]\ntasks = ["caption"]\n')
PERSON = "private/person.jpg"


def _manifest(rig: Rig, images: Sequence[str], name: str = "trip/which.uplook.json") -> ImageEvent:
    uris = [f"gs://{UPLOADS}/{image}" for image in images]
    data = json.dumps({"schema": "uplook.manifest/1", "question": "What is in it?", "images": uris}).encode()
    generation = rig.store.create(UPLOADS, name, data, content_type="application/json")
    source = Source(UPLOADS, name, generation, len(data), "application/json", jsontext.crc32c(data))
    (event,) = plan(Upload(source), RULES, run="v1").events
    return parse_image_event(format_image_event(event).data)


def _gone(rig: Rig, event: ImageEvent) -> Upload:
    rig.store.delete(UPLOADS, event.source.name)
    return Upload(event.source)


def _left(rig: Rig) -> list[str]:
    return [*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")]


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def _storage_event(event: ImageEvent, **more: Any) -> Message:
    resource = {
        "bucket": event.source.bucket,
        "name": event.source.name,
        "generation": str(event.source.generation),
        "metadata": {"uplook-question": "Who is this?"},
        **more,
    }
    return Message(json.dumps(resource).encode(), {"ce-type": storage_events.FINALIZED})


@pytest.mark.fault(138)
def test_the_answer_of_a_manifest_goes_with_any_picture_that_it_was_about() -> None:
    rig = Rig(answer=lambda _: reply('{"answer": "a name and an address"}'))
    person, other = rig.upload(PERSON, task="caption"), rig.upload("other.jpg", task="caption")
    event = _manifest(rig, [other.source.name, PERSON])
    analyze(event, rig.ports)
    assert rig.document(event)["answer"] == "a name and an address"

    forget(_gone(rig, person), rig.ports)

    assert _left(rig) == []


def test_other_manifests_and_other_generations_keep_their_answers() -> None:
    rig = Rig()
    old = rig.upload(PERSON)
    rig.store.delete(UPLOADS, PERSON)
    new = rig.upload(PERSON)
    apart = rig.upload("apart.jpg")
    about_new, about_apart = _manifest(rig, [PERSON]), _manifest(rig, ["apart.jpg"], "b.uplook.json")
    for event in (about_new, about_apart):
        analyze(event, rig.ports)

    forget(Upload(old.source), rig.ports)

    assert rig.document(about_new)["status"] == rig.document(about_apart)["status"] == "ok"
    forget(_gone(rig, new), rig.ports)
    assert rig.document(about_apart)["status"] == "ok"
    assert not any("which.uplook.json" in name for name in _left(rig))
    assert apart.source.name in json.dumps(rig.document(about_apart))


def test_what_outlives_the_journal_is_found_by_its_document() -> None:
    rig = Rig()
    person = rig.upload(PERSON)
    event = _manifest(rig, [PERSON])
    analyze(event, rig.ports)
    for name in [*rig.store.list_names(WORK, naming.REPLIES), *rig.store.list_names(WORK, naming.LEASES)]:
        rig.store.delete(WORK, name)  # by their age

    forget(_gone(rig, person), rig.ports)

    assert _left(rig) == []


@pytest.mark.fault(138)
def test_a_manifest_that_is_at_work_is_waited_for() -> None:
    rig = Rig()
    person = rig.upload(PERSON)
    event = _manifest(rig, [PERSON])
    job = begin(event, rig.ports)
    held = lease.claim(job, rig.ports)
    rig.store.create(WORK, seen.marker_name(person.source, job.paths), seen.format_marker(job.paths), content_type="x")
    upload = _gone(rig, person)

    with pytest.raises(TransientError, match=r"which\.uplook\.json"):
        forget(upload, rig.ports)

    assert isinstance(held, lease.HeldLease)
    lease.release(job, held, rig.ports)
    forget(upload, rig.ports)
    assert rig.store.list_names(WORK, naming.SEEN) == []


def test_an_image_is_marked_as_seen_before_the_model_sees_it() -> None:
    rig = Rig()
    person = rig.upload(PERSON)
    event = _manifest(rig, [PERSON])
    marked: list[list[str]] = []

    def answer(_: Any) -> dict[str, Any]:
        marked.append(list(rig.store.list_names(WORK, naming.SEEN)))
        return reply('{"answer": "x"}')

    rig.answer = answer
    analyze(event, rig.ports)

    assert marked == [[seen.marker_name(person.source, begin(event, rig.ports).paths)]]


def test_a_deleted_manifest_takes_what_says_that_it_has_seen_pictures_with_it() -> None:
    rig = Rig()
    for name in ("a.jpg", "b.jpg"):
        rig.upload(name)
    event = _manifest(rig, ["a.jpg", "b.jpg"])
    analyze(event, rig.ports)

    forget(_gone(rig, event), rig.ports)

    assert _left(rig) == []


@pytest.mark.parametrize("junk", [b"", b"{}", b"no JSON", b'{"schema": "uplook.seen/1", "folder": "", "task": "ask"}'])
def test_a_marker_of_a_stranger_leads_nobody_astray(junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    victim = _manifest(rig, [rig.upload("other.jpg").source.name])
    analyze(victim, rig.ports)
    person = rig.upload(PERSON)
    paths = begin(victim, rig.ports).paths
    folder = naming.about(person.source, kept=naming.SEEN)
    rig.store.create(WORK, f"{folder}{'0' * 64}.json", junk or seen.format_marker(paths), content_type="x")

    forget(_gone(rig, person), rig.ports)

    assert rig.document(victim)["status"] == "ok"
    assert "not one of our markers: it is left aside" in _errors(caplog)


@pytest.mark.fault(139)
def test_a_marker_alone_removes_no_answer_that_was_not_about_the_picture() -> None:
    """Whoever has the identity of `ask` could write markers, and have others' answers removed by them."""
    rig = Rig()
    victim = _manifest(rig, [rig.upload("other.jpg").source.name])
    analyze(victim, rig.ports)
    person = rig.upload(PERSON)
    paths = begin(victim, rig.ports).paths
    rig.store.create(WORK, seen.marker_name(person.source, paths), seen.format_marker(paths), content_type="x")

    forget(_gone(rig, person), rig.ports)

    assert rig.document(victim)["status"] == "ok"
    assert rig.store.list_names(WORK, naming.about(person.source, kept=naming.SEEN)) == []


def test_a_marker_is_bound_to_its_place() -> None:
    source, paths = Source(UPLOADS, "a", 7), Paths("v1/uploads/m.uplook.json/9", "ask", "p/")
    name = seen.marker_name(source, paths)

    assert seen.parse_marker(seen.format_marker(paths), name=name, source=source, prefix="p/") == paths
    with pytest.raises(SeenError):
        seen.parse_marker(seen.format_marker(paths), name=name, source=Source(UPLOADS, "a", 8), prefix="p/")
    bad = Paths("../uploads/m/9", "ask", "")
    with pytest.raises(SeenError):
        seen.parse_marker(seen.format_marker(bad), name=seen.marker_name(source, bad), source=source, prefix="")


@pytest.mark.parametrize("length", [1, 500, 1024])
def test_names_about_a_source_are_no_longer_than_storage_takes(length: int) -> None:
    source = Source("b" * 63, "x" * length, 2**63 - 1)

    name = seen.marker_name(source, Paths("f", "ask"))

    assert len(name.encode()) <= naming.MAX_NAME_BYTES


@pytest.mark.fault(138)
def test_storage_events_about_it_that_nobody_could_handle_go_too() -> None:
    rig = Rig()
    person, other = rig.upload(PERSON), rig.upload("other.jpg")
    newer = json.loads(format_image_event(person).data) | {"schema": "uplook.image/9"}
    for message in (_storage_event(person), _storage_event(other), Message(json.dumps(newer).encode(), {})):
        record_dead_letter(message, rig.ports)

    forget(_gone(rig, person), rig.ports)

    (kept,) = rig.store.list_names(WORK, naming.DEAD)
    assert other.source.name in kept


@pytest.mark.fault(138)
def test_copies_at_the_files_api_are_deleted_by_their_names_in_the_journal() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=5_000))
    person = rig.upload(PERSON, task="caption")
    analyze(person, rig.ports)
    assert len(rig.model.files) == 1
    kept = rig.model.upload("files/another", b"x", mime_type="image/png", timeout_s=1)

    forget(_gone(rig, person), rig.ports)

    assert list(rig.model.files.values()) == [kept]
    assert _left(rig) == []


def test_a_registered_object_is_no_longer_registered() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=5_000, register_files=True))
    person = rig.upload(PERSON, task="caption")
    analyze(person, rig.ports)
    assert rig.document(person)["transport"]["kind"] == "registered"

    forget(_gone(rig, person), rig.ports)

    assert rig.model.files == {}


@pytest.mark.parametrize("error", [ConfigurationError("403"), FileUnavailableError("not ours"), None])
def test_a_copy_that_cannot_be_deleted_is_told_and_the_rest_goes(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=5_000))
    person = rig.upload(PERSON, task="caption")
    analyze(person, rig.ports)
    ports: Ports = rig.ports
    if error is None:  # as on a deployment whose key `forget` has not
        known = {each.name: getattr(ports, each.name) for each in dataclasses.fields(Ports)}
        ports = Ports(**known | {"model": None})
    else:
        rig.model.faults.add("delete_file", error)

    forget(_gone(rig, person), ports)

    assert _left(rig) == []
    assert "a copy at the Files API stays until it expires, 48 hours after its upload" in _errors(caplog)


def test_while_the_files_api_is_away_the_journal_that_names_the_copy_stays() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=5_000))
    person = rig.upload(PERSON, task="caption")
    analyze(person, rig.ports)
    rig.model.faults.add("delete_file", TransientError("away"))
    upload = _gone(rig, person)

    with pytest.raises(TransientError, match="away"):
        forget(upload, rig.ports)
    forget(upload, rig.ports)

    assert rig.model.files == {}
    assert _left(rig) == []


@pytest.mark.fault(137)
def test_a_deletion_of_what_is_still_there_erases_nothing(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    cat = rig.upload("cat.jpg", task="caption")
    analyze(cat, rig.ports)
    before = _left(rig)

    forget(Upload(cat.source), rig.ports)

    assert _left(rig) == before
    assert _errors(caplog) == ["a deletion is told of an object that is still there: nothing is forgotten"]


@pytest.mark.fault(138)
def test_what_is_not_reached_is_said_each_time(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    person = rig.upload(PERSON)
    analyze(person, rig.ports)
    caplog.set_level(logging.INFO, logger="uplook")

    forget(_gone(rig, person), rig.ports)

    assert [
        fields["not_reached"] for record in caplog.records if "not_reached" in (fields := vars(record)["fields"])
    ] == [NOT_REACHED]


def _all_of_it(rig: Rig) -> ImageEvent:
    person = rig.upload(PERSON, task="caption")
    analyze(person, rig.ports)
    for name in ("a.uplook.json", "b.uplook.json"):
        analyze(_manifest(rig, [PERSON, "other.jpg"], name), rig.ports)
    record_dead_letter(_storage_event(person), rig.ports)
    return person


@pytest.mark.every_step
def test_a_crash_at_any_step_is_finished_by_the_next_delivery() -> None:
    for step in itertools.count():
        rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=5_000))
        other = rig.upload("other.jpg", task="caption")
        analyze(other, rig.ports)
        kept = [name for name in _left(rig) if naming.SEEN not in name]
        person = _all_of_it(rig)
        upload = _gone(rig, person)
        crash = rig.store.faults = CrashBefore(step)
        with contextlib.suppress(ZeroDivisionError):
            forget(upload, rig.ports)
        if not crash.happened:
            break
        rig.store.faults = Faults()

        forget(upload, rig.ports)

        assert _left(rig) == kept, f"step {step}"
    assert step > 40
