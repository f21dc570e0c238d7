"""An ask waits for a batch job, and its answer comes to the journal: at half the price, once, whatever happens."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.core import naming
from shared.core.delivery.batch_records import CREATING_S, GIVE_UP_S, RECORD_STATE
from shared.core.errors import ConfigurationError, ErrorCode, ModelRejectedError, RefusedError, TransientError
from shared.core.events.envelopes import Upload
from shared.pipeline.upkeep import batch_collecting, batch_log, batch_making
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker.analyze import analyze
from tests.batch_rig import BATCH_SETTINGS, VERTEX_SETTINGS, BatchRig, line_id_in
from tests.rig import UPLOADS, WORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.config import Settings

BOTH = pytest.mark.parametrize("settings", [BATCH_SETTINGS, VERTEX_SETTINGS], ids=["developer", "vertex"])
_OLD_S = CREATING_S + 1


def statuses(rig: BatchRig) -> list[str]:
    return [event["status"] for event in rig.rig.result_events()]


def sent(rig: BatchRig, code: int | str, message: str = "") -> Sequence[bytes]:
    """Return the lines of an output that refuses every line."""
    error = {"code": code, "message": message}

    def refuse(lines: Sequence[bytes]) -> list[bytes]:
        if rig.settings.enterprise:
            told = [
                json.loads(line) | {"status": f"Bad: {json.dumps({'error': error})}", "response": {}} for line in lines
            ]
        else:
            told = [{"key": json.loads(line)["key"], "error": error} for line in lines]
        return [json.dumps(each).encode() for each in told]

    return refuse  # type: ignore[return-value]


@BOTH
def test_an_ask_waits_for_its_job_and_is_committed_without_a_call_at_half_the_price(settings: Settings) -> None:
    rig = BatchRig(settings)
    now, later = rig.rig.upload("now.jpg", task="caption"), rig.upload("later.jpg")
    rig.deliver(now, later)
    assert statuses(rig) == ["ok", "held"]
    assert rig.rig.result_events()[1]["error"] == "batch"

    rig.tick()
    (job,) = rig.service.jobs.values()
    rig.tick()
    assert len(rig.service.jobs) == 1
    rig.finish()
    rig.tick()
    assert rig.work() == 1

    whole, half = rig.rig.document(now), rig.rig.document(later)
    assert half["status"] == "ok"
    assert half["usage"]["cost_usd"] == pytest.approx(whole["usage"]["cost_usd"] / 2, abs=1e-8)
    assert (half["usage"]["tier"], half["usage"]["batch_job"]) == ("batch", job.name)
    assert "tier" not in whole["usage"]
    assert len(rig.rig.model.requests) == 1
    assert rig.left() == []
    assert [each["state"] for each in rig.records()] == ["closed"]


@BOTH
def test_what_a_job_says_twice_of_nobody_or_in_another_order_harms_nothing(settings: Settings) -> None:
    rig = BatchRig(settings)
    events = [rig.upload(f"{number}.jpg") for number in range(4)]
    rig.deliver(*events)
    rig.tick()
    stranger = json.dumps({"key": "nobody", "request": {"labels": {"uplook_line": "nobody"}}, "response": {"a": 1}})
    rig.finish(write=lambda lines: [*reversed(lines), lines[0], stranger.encode(), b"{", b"", b"[]"])
    rig.tick()
    rig.work()

    assert [rig.rig.document(event)["status"] for event in events] == ["ok"] * 4
    assert rig.rig.model.requests == []
    assert len(set(rig.service.paid)) == 5  # the four, and the stranger


@BOTH
@pytest.mark.parametrize("state", ["EXPIRED", "CANCELLED", "FAILED", "PARTIALLY_SUCCEEDED"])
def test_a_job_that_ends_half_done_keeps_what_was_paid_and_its_other_lines_go_into_the_next_one_once(
    settings: Settings, state: str
) -> None:
    rig = BatchRig(settings)
    events = [rig.upload(f"{number}.jpg") for number in range(5)]
    rig.deliver(*events)
    rig.tick()
    rig.finish(state=state, write=lambda lines: lines[:2])
    rig.tick()
    assert rig.work() == 2
    rig.finish(state=state, write=lambda lines: lines[:1])
    rig.tick()
    assert rig.work() == 3  # one by its answer, two by an ordinary call: there is no third job
    rig.tick()

    assert [rig.rig.document(event)["status"] for event in events] == ["ok"] * 5
    assert (len(rig.service.jobs), len(rig.service.paid), len(rig.rig.model.requests)) == (2, 3, 2)
    assert rig.left() == []


@BOTH
def test_a_line_that_is_refused_for_good_is_asked_about_by_a_call_at_once(settings: Settings) -> None:
    rig = BatchRig(settings)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    rig.finish(write=sent(rig, 400 if settings.enterprise else 3, "Unable to process input image"))
    rig.tick()
    rig.work()
    assert (len(rig.service.jobs), len(rig.rig.model.requests)) == (1, 1)
    assert "tier" not in rig.rig.document(event)["usage"]


@BOTH
def test_a_line_that_is_refused_for_the_moment_goes_into_the_next_job(settings: Settings) -> None:
    rig = BatchRig(settings)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    rig.finish(write=sent(rig, 503 if settings.enterprise else 14, "overloaded"))
    rig.tick()
    assert rig.work() == 0
    rig.finish()
    rig.tick()
    rig.work()
    assert (len(rig.service.jobs), rig.rig.model.requests) == (2, [])
    assert rig.rig.document(event)["usage"]["tier"] == "batch"


@BOTH
def test_a_job_whose_creation_was_not_heard_of_is_found_by_its_name_and_followed(settings: Settings) -> None:
    rig = BatchRig(settings)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.service.faults.add("batch_create", TransientError("the answer was lost"), when="after")
    with pytest.raises(TransientError):
        rig.tick()
    rig.tick()
    assert len(rig.service.jobs) == 1
    rig.rig.clock.time_s += _OLD_S
    rig.tick()
    rig.finish()
    rig.tick()
    rig.work()
    assert (len(rig.service.jobs), len(rig.service.paid)) == (1, 1)
    assert rig.rig.document(event)["status"] == "ok"


@BOTH
def test_a_job_that_nobody_created_is_created_later_and_of_two_the_second_is_cancelled(settings: Settings) -> None:
    rig = BatchRig(settings)
    rig.deliver(rig.upload("one.jpg"))
    rig.service.faults.add("batch_create", TransientError("nobody knows"))
    with pytest.raises(TransientError):
        rig.tick()
    rig.rig.clock.time_s += _OLD_S
    rig.service.faults.add("batch_create", TransientError("the answer was lost"), when="after")
    with pytest.raises(TransientError):
        rig.tick()
    (job,) = rig.service.jobs.values()
    source = f"gs://{WORK}/batches/files/{job.display_name}/input.jsonl" if settings.enterprise else None
    name = source or next(iter(rig.rig.model.contents))
    rig.service.create(model="m", source=name, destination=job.answers, display_name=job.display_name, timeout_s=1)
    rig.rig.clock.time_s += _OLD_S
    rig.tick()
    assert [each.state for each in rig.service.jobs.values()] == ["PENDING", "CANCELLED"]


@pytest.mark.parametrize("nth", [1, 2])
def test_lines_of_a_record_that_is_changed_while_it_is_read_go_into_no_second_job(
    nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read to be gone on with, and once more to know which lines are taken."""
    rig = BatchRig()
    rig.deliver(rig.upload("one.jpg"))
    rig.tick()
    store, reads = rig.rig.store, itertools.count(1)
    read = store.read

    def read_late(bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        there = store.stat(bucket, name)
        if name.startswith(naming.BATCH_RECORDS) and next(reads) == nth and there is not None:
            data = read(bucket, name, max_bytes=max_bytes)
            store.replace(
                bucket,
                name,
                data,
                generation=there.generation,
                content_type="application/json",
                metadata=there.metadata,
            )
        return read(bucket, name, generation=generation, max_bytes=max_bytes)

    monkeypatch.setattr(store, "read", read_late)
    rig.tick()
    assert [each["number"] for each in rig.records()] == [1]
    assert len(rig.service.jobs) == 1


def test_a_job_that_the_service_does_not_take_now_is_tried_again_and_given_up_after_a_day() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    rig.deliver(event)
    for _ in range(2):
        rig.service.faults.add("batch_create", RefusedError("429"))
    for _ in range(2):
        rig.tick()
    assert [each["state"] for each in rig.records()] == ["planned"]
    rig.rig.clock.time_s += GIVE_UP_S + 1
    rig.tick()
    rig.work()
    assert (rig.rig.document(event)["status"], len(rig.rig.model.requests)) == ("ok", 1)


def test_a_job_that_the_service_refuses_for_good_has_its_lines_asked_one_by_one() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.service.faults.add("batch_create", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "no batches"))
    rig.tick()
    rig.work()
    assert [each["state"] for each in rig.records()] == ["closed"]
    assert (rig.rig.document(event)["status"], len(rig.rig.model.requests)) == ("ok", 1)
    assert rig.left() == []


def test_lines_are_put_into_jobs_of_one_model_within_the_limit() -> None:
    rig = BatchRig(replace(BATCH_SETTINGS, batch_lines=2))
    rig.deliver(*(rig.upload(f"{number}.jpg", task=task) for number in range(5) for task in ("caption", "detect")[:1]))
    rig.deliver(rig.upload("other.jpg", task="detect"))
    rig.tick()
    assert sorted(len(each["lines"]) for each in rig.records()) == [1, 1, 2, 2]
    assert len(rig.service.jobs) == 4


def test_an_upload_that_was_forgotten_meanwhile_stays_forgotten() -> None:
    rig = BatchRig()
    gone, stays = rig.upload("gone.jpg"), rig.upload("stays.jpg")
    rig.deliver(gone, stays)
    rig.tick()
    rig.rig.store.delete(UPLOADS, "gone.jpg")
    forget(Upload(gone.source), rig.rig.ports)
    rig.finish()
    rig.tick()
    assert rig.work() == 1
    everything = [*rig.rig.store.list_names(WORK, ""), *rig.rig.store.list_names("results", "")]
    assert [name for name in everything if "gone.jpg" in name] == []
    assert rig.rig.document(stays)["status"] == "ok"


@BOTH
def test_what_is_forgotten_before_its_job_is_created_is_not_asked_about(settings: Settings) -> None:
    rig = BatchRig(settings)
    gone, stays = rig.upload("gone.jpg"), rig.upload("stays.jpg")
    rig.deliver(gone, stays)
    rig.service.faults.add("batch_create", RefusedError("429"))
    rig.tick()
    rig.rig.store.delete(UPLOADS, "gone.jpg")
    forget(Upload(gone.source), rig.rig.ports)
    rig.tick()
    rig.finish()
    rig.tick()
    rig.work()
    assert len(rig.service.paid) == 1
    assert rig.rig.document(stays)["status"] == "ok"


def test_an_upload_that_was_overwritten_before_its_answer_came_is_skipped() -> None:
    rig = BatchRig(VERTEX_SETTINGS)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    rig.rig.store.replace(UPLOADS, "one.jpg", b"x", generation=event.source.generation, content_type="image/jpeg")
    rig.finish()
    rig.tick()
    rig.work()
    assert rig.rig.document(event)["status"] == "skipped"


def test_a_line_that_no_worker_wrote_is_neither_sent_nor_obeyed() -> None:
    rig = BatchRig()
    event, foreign = rig.upload("one.jpg"), rig.upload("foreign.jpg")
    rig.deliver(event)
    paths = naming.paths(event.source, run="v1", task="caption")
    there = rig.rig.store.stat(WORK, paths.batch_line)
    assert there is not None
    forged = naming.paths(foreign.source, run="v1", task="caption").batch_line
    data = rig.rig.store.read(WORK, paths.batch_line, max_bytes=10**8)
    metadata = {**there.metadata, "uplook-line": "0" * 40}
    rig.rig.store.create(WORK, forged, data, content_type="application/json", metadata=metadata)
    rig.tick()
    rig.finish()
    rig.tick()
    assert rig.work() == 1
    assert rig.service.paid == [line_id_in(json.dumps({"key": there.metadata["uplook-line"]}).encode())]
    for _ in range(2):
        rig.tick()
    assert len(rig.service.jobs) == 1  # and it takes no place in the next one


def test_a_duplicate_of_the_event_neither_asks_nor_makes_a_second_line() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    rig.deliver(event, event)
    rig.tick()
    rig.deliver(event)
    rig.finish()
    rig.tick()
    rig.deliver(event, event)
    rig.work()
    rig.tick()
    assert (len(rig.service.paid), len(rig.service.jobs), rig.rig.model.requests) == (1, 1, [])
    assert rig.rig.document(event)["status"] == "ok"


def test_an_answer_that_is_of_no_use_is_asked_for_once_more_by_a_call_and_both_are_counted() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    empty = {"candidates": [], "usageMetadata": {"promptTokenCount": 1000, "totalTokenCount": 1000}}
    rig.service._answer = lambda model, request: {**empty, "modelVersion": model}  # noqa: ARG005 - the port
    rig.finish()
    rig.tick()
    rig.work()
    usage = rig.rig.document(event)["usage"]
    assert len(rig.rig.model.requests) == 1
    assert (usage["prompt_tokens"], usage["tier"]) == (2200, "batch")
    ordinary = rig.rig.upload("other.jpg", task="caption")
    rig.deliver(ordinary)
    assert usage["cost_usd"] > rig.rig.document(ordinary)["usage"]["cost_usd"]


def test_without_the_setting_an_event_of_the_lane_is_asked_about_at_once() -> None:
    rig = BatchRig(replace(BATCH_SETTINGS, batch=False))
    event = rig.upload("one.jpg")
    rig.deliver(event)
    assert (rig.rig.document(event)["status"], rig.left()) == ("ok", [])


def test_a_redrive_finds_the_answer_that_a_dead_letter_had_no_use_for() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    rig.finish()
    rig.tick()
    analyze(replace(event, redrive=1, lane=None), rig.rig.ports)
    assert (rig.rig.document(event)["usage"]["tier"], rig.rig.model.requests) == ("batch", [])


def test_a_job_counts_for_the_ceiling_when_it_is_made_and_what_it_did_not_cost_is_put_back() -> None:
    rig = BatchRig(replace(BATCH_SETTINGS, max_usd_per_day=0.02))
    events = [rig.upload(f"{number}.jpg") for number in range(8)]
    rig.deliver(*events)
    rig.tick()
    first = len(rig.records()[0]["lines"])
    assert 0 < first < len(events)
    rig.finish()
    rig.tick()
    second = len(rig.records()[1]["lines"])
    assert second > 0
    for _ in range(8):
        rig.finish()
        rig.tick()
        rig.work()
    assert sum(rig.rig.document(event)["usage"]["cost_usd"] for event in events) <= 0.02


def test_one_job_that_fails_keeps_no_other_from_going_on() -> None:
    rig = BatchRig(replace(BATCH_SETTINGS, batch_lines=1))
    events = [rig.upload(f"{number}.jpg") for number in range(2)]
    rig.deliver(*events)
    rig.tick()
    rig.finish()
    rig.service.faults.add("batch_get", ConfigurationError("a role is missing"))
    with pytest.raises(ConfigurationError):
        rig.tick()
    assert rig.work() == 1
    rig.tick()
    assert rig.work() == 1


def test_whoever_comes_too_late_with_a_job_takes_nothing_out_of_the_day() -> None:
    settings, lines = replace(BATCH_SETTINGS, max_usd_per_day=0.02), []
    for is_late in (False, True):
        rig = BatchRig(settings)
        rig.deliver(*(rig.upload(f"{number}.jpg") for number in range(8)))
        if is_late:
            rig.rig.store.create = _beaten(rig.rig.store.create)  # type: ignore[method-assign]
            rig.tick()
            assert len(rig.service.jobs) == 0
        rig.tick()
        lines.append(sum(len(each["lines"]) for each in rig.records()[is_late:]))
    assert 0 < lines[0] < 8
    assert lines[1] == lines[0]


def _beaten(create: Any) -> Any:
    """Return a `create` that meets somebody else's record at the first number."""
    beaten: list[str] = []

    def faster(bucket: str, name: str, data: bytes, **how: Any) -> int:
        if name.startswith(naming.BATCH_RECORDS) and not beaten:
            beaten.append(name)
            create(bucket, name, b"{}", content_type="application/json", metadata={RECORD_STATE: "closed"})
        return int(create(bucket, name, data, **how))

    return faster


@BOTH
def test_an_event_that_may_not_wait_leaves_an_ask_that_waits_already_to_its_job(settings: Settings) -> None:
    rig = BatchRig(settings)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.tick()
    rig.deliver(replace(event, lane=None))  # a backfill without --batch, or rules that have changed meanwhile
    rig.finish()
    rig.tick()
    rig.work()
    rig.deliver(replace(event, lane=None))
    assert (len(rig.service.paid), len(rig.rig.model.requests)) == (1, 0)
    assert rig.rig.document(event)["usage"]["tier"] == "batch"
    assert rig.left() == []


@BOTH
def test_a_job_is_not_given_up_while_another_tick_makes_it(settings: Settings) -> None:
    rig = BatchRig(settings)
    event = rig.upload("one.jpg")
    rig.deliver(event)
    rig.service.faults.add("batch_create", RefusedError("429"))
    rig.tick()
    (kept,), _ = batch_log.read_log(rig.ticks)
    batch_making.begin_job(kept, rig.ticks)  # begun in time, and slow
    rig.rig.clock.time_s += GIVE_UP_S + 1
    with contextlib.suppress(TransientError):
        batch_collecting.give_up_job(kept, rig.ticks, reason="too late")
    rig.work()
    rig.finish()
    rig.tick()
    rig.work()
    assert len(rig.service.paid) + len(rig.rig.model.requests) == 1
    assert rig.rig.document(event)["status"] == "ok"
