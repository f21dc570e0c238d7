"""A backfill on memory adapters: everything once, whatever ends it, and never more on its way than it may be."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from shared.core import naming
from shared.core.errors import SettingsError, TransientError
from shared.core.events.envelopes import parse_image_event
from shared.pipeline.backfill import survey
from shared.pipeline.worker.analyze import analyze
from tests.backfill_rig import LANE, BackfillRig
from tests.rig import RESULTS, UPLOADS, WORK, CrashBefore, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.values import Source

NAMES = tuple(f"photos/{number:03}.jpg" for number in range(25))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "CHUNK", 7)


def _results(rig: Rig) -> list[str]:
    return [name for name in rig.store.list_names(RESULTS, "") if name.endswith(".json")]


def _asked(rig: Rig) -> Counter[str]:
    return Counter(Rig.task_of(request) for request in rig.model.requests)


def test_every_object_gets_every_task_once_in_the_lane() -> None:
    rig = BackfillRig()
    rig.upload(*NAMES)

    *_, last = rig.backfill().run()

    assert _asked(rig.rig) == {"caption": 25, "detect": 25}
    assert len(_results(rig.rig)) == 50
    assert set(rig.rig.publisher.messages) == {LANE, rig.rig.settings.result_topic}
    assert (last.counts.objects, last.counts.published, last.counts.done, last.outstanding) == (25, 50, 50, 0)


def test_tasks_that_share_a_call_travel_in_one_event_and_are_each_done_once() -> None:
    rig = BackfillRig(tasks=("caption", "detect", "segment"))
    rig.upload(*NAMES)

    *_, last = rig.backfill().run()

    assert _asked(rig.rig) == {"caption": 25, "segment": 25}
    assert Counter(parse_image_event(message.data).tasks for message in rig.published) == {
        ("caption",): 25,
        ("segment", "detect"): 25,
    }
    assert len(_results(rig.rig)) == 75
    assert (last.counts.published, last.counts.done, last.outstanding) == (75, 75, 0)


def test_of_tasks_that_would_share_a_call_those_alone_are_asked_for_that_are_wanted() -> None:
    rig = BackfillRig(tasks=("caption", "detect", "segment"))
    rig.upload(*NAMES)

    list(rig.backfill(tasks=("detect",)).run())

    assert _asked(rig.rig) == {"detect": 25}
    assert len(_results(rig.rig)) == 25


def test_of_tasks_that_share_a_call_those_alone_are_asked_for_that_have_no_result() -> None:
    rig = BackfillRig(tasks=("caption", "detect", "segment"))
    rig.upload(*NAMES)
    list(rig.backfill(tasks=("detect",)).run())

    list(rig.backfill().run())

    assert _asked(rig.rig) == {"detect": 25, "caption": 25, "segment": 25}
    assert len(_results(rig.rig)) == 75


def test_no_more_events_of_a_task_are_on_their_way_than_may_be() -> None:
    rig = BackfillRig(most=3)
    rig.upload(*NAMES)

    list(rig.backfill().run())

    assert max(rig.seen_at_once) == 6  # three of each task


def test_what_has_a_result_is_skipped_and_what_failed_is_left_to_redrive() -> None:
    rig = BackfillRig()
    rig.upload(*NAMES[:3])
    list(rig.backfill().run())
    rig.upload(*NAMES[3:5])
    rig.rig.store.create(UPLOADS, "zz.jpg", b"no picture", content_type="image/jpeg")

    *_, second = rig.backfill().run()
    *_, third = rig.backfill().run()

    assert (second.counts.existing, second.counts.published, second.counts.failed) == (6, 6, 2)
    assert (third.counts.existing, third.counts.published, third.counts.failed_before) == (10, 0, 2)
    assert _asked(rig.rig) == {"caption": 5, "detect": 5}


def test_objects_that_are_no_uploads_are_left_out_for_the_reasons_of_an_upload() -> None:
    rig = BackfillRig()
    rig.upload("a.jpg", "folder/")
    rig.upload("notes.txt", content_type="text/plain")
    rig.upload("ours.jpg", metadata={"uplook-attempt": "a1"})
    rig.upload("tasks.jpg", metadata={"uplook-tasks": "caption"})

    *_, last = rig.backfill().run()

    assert last.left_out == {
        "a folder placeholder": 1,
        "not an image by name or content type (text/plain)": 1,
        "it carries the metadata uplook-attempt: Uplook wrote it": 1,
    }
    assert _asked(rig.rig) == {"caption": 2, "detect": 1}


def test_another_run_looks_again_and_leaves_the_first_alone() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES[:4])
    list(rig.backfill().run())
    list(rig.backfill(run="v2").run())

    assert _asked(rig.rig) == {"caption": 8}
    assert {name.partition("/")[0] for name in _results(rig.rig)} == {"v1", "v2"}


def test_one_task_of_those_that_are_wanted() -> None:
    rig = BackfillRig()
    rig.upload("a.jpg")
    rig.upload("b.jpg", metadata={"uplook-tasks": "caption"})

    *_, last = rig.backfill(tasks=["detect"]).run()

    assert _asked(rig.rig) == {"detect": 1}
    assert last.left_out == {"its rules want none of the tasks that were asked for": 1}


@pytest.mark.parametrize("limit", [1, 6, 7, 8, 25, 99])
def test_a_limit_is_of_objects_that_are_published_and_the_next_run_takes_the_next(limit: int) -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES)

    list(rig.backfill(limit=limit).run())
    assert _asked(rig.rig)["caption"] == min(limit, 25)

    list(rig.backfill(limit=limit).run())
    assert _asked(rig.rig)["caption"] == min(2 * limit, 25)


@pytest.mark.every_step
@pytest.mark.parametrize("limit", [None, 10])
def test_killed_at_any_call_of_storage_and_begun_again_nothing_is_asked_twice_or_left_out(limit: int | None) -> None:
    """Every call of the store and the publisher in turn is the last of its process; the next process ends the work."""
    wanted = 25 if limit is None else limit
    step, happened = 0, True
    while happened:
        rig = BackfillRig(tasks=("caption",), most=3)
        rig.upload(*NAMES)
        faults = rig.rig.store.faults = rig.rig.publisher.faults = CrashBefore(step)
        with contextlib.suppress(ZeroDivisionError):
            list(_during(rig, faults, limit))
        happened = faults.happened
        rig.rig.store.faults = rig.rig.publisher.faults = CrashBefore(10**9)
        rig.rig.clock.on_sleep = rig.on_sleep
        rig.work()  # what was on its way arrives late, beside what the next process publishes

        *_, last = rig.backfill(limit=limit).run() if happened else [None]

        assert _asked(rig.rig) == {"caption": wanted}, f"killed before call {step}"
        assert len(_results(rig.rig)) == wanted
        assert last is None or last.outstanding == 0
        step += 3


def _during(rig: BackfillRig, faults: CrashBefore, limit: int | None) -> Iterator[object]:
    """Run with the workers untouched by what kills the command."""

    def work_untouched(_: float) -> None:
        rig.rig.store.faults = rig.rig.publisher.faults = CrashBefore(10**9)
        rig.work()
        rig.rig.store.faults = rig.rig.publisher.faults = faults

    rig.rig.clock.on_sleep = work_untouched
    return rig.backfill(limit=limit).run()


def test_a_mark_that_is_forged_or_broken_counts_for_nothing() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES[:9])
    list(rig.backfill().run())
    (name,) = rig.rig.store.list_names(WORK, naming.BACKFILL)
    sound = json.loads(rig.rig.store.read(WORK, name, max_bytes=10**5))
    rig.upload(*NAMES[9:12])
    for forged in (
        b"",
        b"[]",
        b"{" * 10_000,
        b"x" * 200_000,
        json.dumps(sound | {"after": 7, "finished": None}).encode(),
        json.dumps(sound | {"about": {}, "after": "zzz", "finished": None}).encode(),
        json.dumps(sound | {"schema": "uplook.backfill/2", "after": "zzz", "finished": None}).encode(),
        json.dumps(sound | {"counts": {"objects": -1}, "after": "zzz", "finished": None}).encode(),
    ):
        there = rig.rig.store.stat(WORK, name)
        assert there is not None
        rig.rig.store.replace(WORK, name, forged, generation=there.generation, content_type="application/json")

        *_, last = rig.backfill().run()

        assert last.counts.objects == 12
    assert _asked(rig.rig) == {"caption": 12}


def test_a_second_process_of_the_same_backfill_is_told_and_stops() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES)
    first, second = rig.backfill(), rig.backfill()
    list(first.run())

    with pytest.raises(SettingsError, match="runs twice"):
        list(second.run())

    assert _asked(rig.rig) == {"caption": 25}


def test_a_mark_whose_answer_was_lost_is_known_again() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES)
    rig.rig.store.faults.add("replace", TransientError("the answer was lost"), when="after")

    *_, last = rig.backfill().run()

    assert last.counts.done == 25


def test_services_that_are_away_for_a_moment_are_asked_again() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES)
    for operation in ("list_objects", "list_objects", "replace"):
        rig.rig.store.faults.add(operation, TransientError("away"))
    rig.rig.publisher.faults.add("publish", TransientError("away"))
    rig.rig.publisher.faults.add("publish", TransientError("the answer was lost"), when="after")
    backfill = rig.backfill()

    *_, last = backfill.run()

    assert last.counts.done == 25
    assert _asked(rig.rig) == {"caption": 25}


def test_a_service_that_stays_away_ends_the_command_and_the_next_one_goes_on() -> None:
    rig = BackfillRig(tasks=("caption",))
    rig.upload(*NAMES)
    for _ in range(5):
        rig.rig.publisher.faults.add("publish", TransientError("away"))

    with pytest.raises(TransientError, match="away"):
        list(rig.backfill().run())
    list(rig.backfill().run())

    assert _asked(rig.rig) == {"caption": 25}


def test_held_events_stay_outstanding_and_are_told_with_their_hour() -> None:
    rig = BackfillRig(tasks=("caption",), most=2)
    rig.upload(*NAMES[:3])
    rig.rig.clock.on_sleep = lambda _: None
    work = rig.backfill()
    states = work.run()
    next(states)
    next(states)
    message = rig.published[0]
    event = naming.paths(_source(message.data), run="v1", task="caption")
    rig.rig.store.create(WORK, event.parked("2026-11-22T08"), b"{}", content_type="application/json")

    seen = [next(states) for _ in range(40)]

    assert {"2026-11-22T08": 1} in [state.held for state in seen]
    assert all(state.outstanding == 2 for state in seen)


def _source(data: bytes) -> Source:
    return parse_image_event(data).source


def test_what_was_deleted_on_its_way_is_waited_for_no_more() -> None:
    rig = BackfillRig(tasks=("caption",), most=2)
    rig.upload(*NAMES[:3])
    rig.rig.clock.on_sleep = lambda _: None
    states = rig.backfill().run()
    next(states)
    next(states)
    rig.rig.store.delete(UPLOADS, NAMES[0])
    rig.rig.clock.on_sleep = lambda _: _work_on_what_is_there(rig)

    *_, last = itertools.islice(states, 500)

    assert (last.counts.gone, last.counts.done) == (1, 2)


def _work_on_what_is_there(rig: BackfillRig) -> None:
    """Work on everything but the object that is gone: its result was forgotten with it."""
    for message in rig.published[rig.taken :]:
        event = parse_image_event(message.data)
        if event.source.name != NAMES[0]:
            analyze(event, rig.rig.ports)
    rig.taken = len(rig.published)


def test_a_rate_bounds_how_much_is_published_in_a_second() -> None:
    rig = BackfillRig(tasks=("caption",), most=50)
    rig.upload(*NAMES)
    begun_s = rig.rig.clock.time_s

    list(rig.backfill(rate_per_s=2).run())

    assert 11 <= rig.rig.clock.time_s - begun_s <= 20
