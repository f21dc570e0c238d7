"""A deleted upload takes all with it that was made of it, whatever dies on the way; and nothing else."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from shared.adapters.memory_faults import Faults
from shared.core.errors import TransientError
from shared.core.events.envelopes import Upload, format_image_event
from shared.pipeline.job import begin
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, CrashBefore, Rig

if TYPE_CHECKING:
    from shared.core.events.envelopes import ImageEvent

TASKS: Final = ("caption", "segment")


def _left(rig: Rig) -> list[str]:
    """Return everything that Uplook has written and that is still there."""
    return [*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")]


def _of(event: ImageEvent) -> Upload:
    return Upload(event.source)


def _analyzed(rig: Rig, name: str = "square.jpg", *, runs: tuple[str, ...] = ("v1",)) -> ImageEvent:
    """Upload a picture, do some tasks in some runs, hold one event over; delete the picture. Return one event."""
    event = rig.upload(name)
    for run, task in itertools.product(runs, TASKS):
        analyze(replace(rig.event_of(event.source, task), run=run), rig.ports)
    held = replace(event, task="detect", run=runs[-1])
    rig.store.create(
        WORK,
        begin(held, rig.ports).paths.parked("2026-11-20"),
        format_image_event(held).data,
        content_type="text/plain",
    )
    rig.store.delete(UPLOADS, name)
    return event


def test_everything_goes_in_every_run() -> None:
    rig = Rig()
    event = _analyzed(rig, runs=("v1", "v2", "2026-11-21"))
    assert {name.split("/")[0] for name in _left(rig)} == {"v1", "v2", "2026-11-21", "leases", "replies", "held"}

    forget(_of(event), rig.ports)

    assert _left(rig) == []


def test_forgetting_again_or_what_never_was_does_nothing() -> None:
    rig = Rig()
    event = _analyzed(rig)
    forget(_of(event), rig.ports)

    forget(_of(event), rig.ports)

    assert _left(rig) == []


def test_failures_go_with_their_numbers() -> None:
    rig = Rig()
    event = rig.upload(data=b"no picture")
    for redrive in range(3):
        analyze(replace(event, redrive=redrive), rig.ports)
    assert len(rig.store.list_names(RESULTS, "")) == 3
    rig.store.delete(UPLOADS, event.source.name)

    forget(_of(event), rig.ports)

    assert _left(rig) == []


def test_an_older_generation_goes_alone_where_an_upload_was_overwritten() -> None:
    rig = Rig()
    old = rig.upload()
    analyze(old, rig.ports)
    rig.store.delete(UPLOADS, old.source.name)
    new = rig.upload()
    analyze(new, rig.ports)

    forget(_of(old), rig.ports)

    assert {str(new.source.generation)} == {name.split("/")[-2] for name in _left(rig) if name.endswith("detect.json")}
    assert rig.document(new)["status"] == "ok"


def test_objects_whose_folders_lie_inside_each_other_are_forgotten_one_by_one() -> None:
    rig = Rig()
    outer = rig.upload("a")
    inner = rig.upload(f"a/{outer.source.generation}/detect")
    beside = rig.upload(f"a/{outer.source.generation}")
    for event in (outer, inner, beside):
        analyze(event, rig.ports)
    rig.store.delete(UPLOADS, outer.source.name)

    forget(_of(outer), rig.ports)

    assert rig.document(inner)["status"] == rig.document(beside)["status"] == "ok"
    assert not any(name.startswith(f"v1/{UPLOADS}/a/{outer.source.generation}/detect.json") for name in _left(rig))


def test_a_delivery_at_work_is_waited_for_and_the_other_tasks_go_at_once() -> None:
    rig = Rig()
    event = _analyzed(rig)
    working = begin(rig.event_of(event.source, "detect"), rig.ports)
    held = lease.claim(working, rig.ports)

    with pytest.raises(TransientError, match=working.paths.lease):
        forget(_of(event), rig.ports)

    assert {name.rpartition("/")[2] for name in _left(rig)} == {"detect.json"}  # its lease, and the held event
    assert isinstance(held, lease.HeldLease)
    lease.release(working, held, rig.ports)
    forget(_of(event), rig.ports)
    assert _left(rig) == []


def test_a_dead_workers_lease_is_taken_when_it_has_expired() -> None:
    rig = Rig()
    event = rig.upload()
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.store.delete(UPLOADS, event.source.name)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1

    forget(_of(event), rig.ports)

    assert _left(rig) == []


def test_while_it_is_removed_no_delivery_begins() -> None:
    """A duplicate that came in between would find its reply in the journal, and rebuild the result."""
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, event.source.name)
    rig.store.faults.add("delete", ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        forget(_of(event), rig.ports)
    rig.store.delete(RESULTS, begin(event, rig.ports).paths.result)
    with pytest.raises(TransientError, match="held by another delivery"):
        analyze(event, rig.ports)


@pytest.mark.fault(6)
def test_an_upload_event_that_comes_after_all_is_recorded_as_skipped() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, event.source.name)
    forget(_of(event), rig.ports)

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "skipped"
    assert len(rig.model.requests) == 1


@pytest.mark.every_step
def test_a_crash_at_any_step_is_finished_by_the_next_delivery() -> None:
    for step in itertools.count():
        rig = Rig()
        event = _analyzed(rig, runs=("v1", "v2"))
        other = rig.upload("other.jpg")
        analyze(other, rig.ports)
        kept = [name for name in _left(rig) if "/other.jpg/" in name]
        crash = rig.store.faults = CrashBefore(step)
        with contextlib.suppress(ZeroDivisionError):
            forget(_of(event), rig.ports)
        if not crash.happened:
            break
        rig.store.faults = Faults()

        forget(_of(event), rig.ports)

        assert _left(rig) == kept, f"step {step}"
    assert step > 40


@pytest.mark.parametrize(
    ("bucket", "name"), [("elsewhere", "cat.jpg"), (UPLOADS, "uplook/v1/uploads/cat.jpg/7/segment/overlay.jpg")]
)
def test_what_is_no_upload_of_ours_is_left_alone(bucket: str, name: str) -> None:
    """Where results lie among the uploads, their removal is told like any other, and must remove nothing more."""
    rig = Rig(settings=replace(SETTINGS, results_bucket=UPLOADS, results_prefix="uplook/"))
    event = rig.upload()
    source = replace(event.source, bucket=bucket, name=name)

    forget(Upload(source), rig.ports)

    assert rig.store.faults.calls == {"create": 1}


def test_with_a_prefix_results_among_the_uploads_are_found() -> None:
    rig = Rig(settings=replace(SETTINGS, results_bucket=UPLOADS, results_prefix="uplook/"))
    event = rig.upload()
    rig.store.create(UPLOADS, "other/v1/mine.txt", b"x", content_type="text/plain")
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, event.source.name)

    forget(_of(event), rig.ports)

    assert rig.store.list_names(UPLOADS, "") == ["other/v1/mine.txt"]
    assert rig.store.list_names(WORK, "") == []


def test_the_lease_goes_last_and_the_journal_first() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, event.source.name)
    gone: list[str] = []
    delete = rig.store.delete

    def noted(bucket: str, name: str, *, generation: int | None = None) -> None:
        gone.append(name)
        delete(bucket, name, generation=generation)

    rig.store.delete = noted  # type: ignore[method-assign]

    forget(_of(event), rig.ports)

    paths = begin(event, rig.ports).paths
    assert gone == [paths.reply(0), paths.result, paths.file("overlay.jpg"), paths.lease]
