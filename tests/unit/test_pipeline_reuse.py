"""REUSE_ANSWERS: what has been asked about a content once is not paid for again, whatever the upload is called."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from PIL import Image

from shared.core import jsontext, naming
from shared.core.errors import ErrorCode, TransientError, WaitingError
from shared.core.events.envelopes import ImageEvent, Upload
from shared.core.planning import plan
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.job import begin
from shared.pipeline.upkeep import uses
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker import lease, reuse
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, TEXTS, UPLOADS, WORK, CrashBefore, Rig, picture, reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.gemini.request import ModelRequest

REUSING: Final = replace(SETTINGS, reuse_answers=True)
NOTHING: Final = {"prompt_tokens": 0, "output_tokens": 0, "thought_tokens": 0, "total_tokens": 0, "cost_usd": 0.0}
ALL: Final = ("caption", "detect", "segment")


def _rig(answer: Any = None, **settings: Any) -> Rig:
    return Rig(answer, settings=replace(REUSING, **settings))


def _analyzed(rig: Rig, *names: str, data: bytes | None = None, task: str = "detect") -> list[ImageEvent]:
    events = [rig.upload(name, data, task=task) for name in names]
    for event in events:
        analyze(event, rig.ports)
    return events


def _forget(rig: Rig, event: ImageEvent) -> None:
    rig.store.delete(UPLOADS, event.source.name)
    forget(Upload(event.source), rig.ports)


def _kept(rig: Rig, folder: str) -> Sequence[str]:
    return rig.store.list_names(WORK, folder)


def _joint(rig: Rig, name: str, *, tasks: Sequence[str] = ALL) -> ImageEvent:
    choices = Choices(tasks=tuple(tasks), together=(ALL,))
    source = rig.upload(name).source
    (event,) = plan.plan(Upload(source), Rules(choices), run="v1").events
    return event


# What is the same


def test_the_same_content_under_another_name_costs_nothing_and_says_whose_answer_it_has() -> None:
    rig = _rig()

    first, second = _analyzed(rig, "first.jpg", "folder/second.jpg")

    paid, reused = rig.document(first), rig.document(second)
    assert len(rig.model.requests) == 1
    assert reused["model"]["reused_from"] == paid["id"]
    assert reused["usage"] == NOTHING | {"saved_usd": paid["usage"]["cost_usd"]}
    assert "reused_from" not in paid["model"]
    assert "saved_usd" not in paid["usage"]
    assert [each["box_2d"] for each in reused["items"]] == [each["box_2d"] for each in paid["items"]]
    assert reused["source"]["name"] == "folder/second.jpg"
    assert [event["status"] for event in rig.result_events()] == ["ok", "ok"]


def test_an_answer_that_was_reused_is_reused_from_whoever_paid_for_it() -> None:
    rig = _rig()

    first, _, third = _analyzed(rig, "first.jpg", "second.jpg", "third.jpg")

    assert rig.document(third)["model"]["reused_from"] == rig.document(first)["id"]


def test_another_generation_and_another_bucket_make_no_difference() -> None:
    rig = _rig(upload_buckets=(UPLOADS, "elsewhere"))
    (first,) = _analyzed(rig, "first.jpg")
    rig.store.delete(UPLOADS, "first.jpg")
    data = picture()
    generation = rig.store.create("elsewhere", "first.jpg", data, content_type="image/jpeg")
    elsewhere = Source("elsewhere", "first.jpg", generation, len(data), "image/jpeg", jsontext.crc32c(data))

    _analyzed(rig, "first.jpg")
    analyze(rig.event_of(elsewhere, "detect"), rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(rig.event_of(elsewhere, "detect"))["model"]["reused_from"] == rig.document(first)["id"]


def test_without_the_setting_nothing_is_shared_and_nothing_is_written() -> None:
    rig = Rig()

    first, second = _analyzed(rig, "first.jpg", "second.jpg")

    assert len(rig.model.requests) == 2
    assert {name.partition("/")[0] for name in _kept(rig, "")} == {"leases", "replies"}
    assert not any("reused_from" in rig.document(each)["model"] for each in (first, second))


def _with(event: ImageEvent, **settings: Any) -> ImageEvent:
    return replace(event, settings=replace(event.settings, **settings))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gemini-3.5-flash-lite"},
        {"prompt": "Find every lemon."},
        {"labels": ("lemon",), "prompt": "Find lemons."},
        {"system_instruction": "Be brief."},
        {"media_resolution": "low"},
        {"thinking": "high"},
        {"safety": (("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"),)},
        {"max_items": 7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_shapes_the_answer_makes_another_content(change: dict[str, Any]) -> None:
    rig = _rig()
    _analyzed(rig, "first.jpg")

    analyze(_with(rig.upload("second.jpg"), **change), rig.ports)

    assert len(rig.model.requests) == 2


def test_other_bytes_are_another_content_though_the_picture_is_the_same() -> None:
    rig = _rig()
    _analyzed(rig, "first.jpg")
    _analyzed(rig, "second.png", data=picture(image_format="PNG"))

    assert len(rig.model.requests) == 2


def test_what_is_made_of_an_answer_is_each_uploads_own() -> None:
    rig = _rig()
    _analyzed(rig, "first.jpg", task="segment")

    second = _with(rig.upload("second.jpg", task="segment"), crops=True)
    analyze(second, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(second)["items"][0]["crop_file"] is not None


def test_a_new_run_asks_again() -> None:
    rig = _rig()
    (first,) = _analyzed(rig, "first.jpg")

    analyze(replace(first, run="v2"), rig.ports)

    assert len(rig.model.requests) == 2


def test_a_question_about_several_images_is_asked_each_time() -> None:
    rig = _rig()
    rig.upload("named.jpg")
    data = json.dumps(
        {"schema": "uplook.manifest/1", "question": "Which?", "images": ["gs://uploads/named.jpg"]}
    ).encode()
    for name in ("one.uplook.json", "two.uplook.json"):
        generation = rig.store.create(UPLOADS, name, data, content_type="application/json")
        source = Source(UPLOADS, name, generation, len(data), "application/json", jsontext.crc32c(data))
        (event,) = plan.plan(Upload(source), Rules(Choices()), run="v1").events
        analyze(event, rig.ports)

    assert len(rig.model.requests) == 2
    assert _kept(rig, naming.ANSWERS) == _kept(rig, naming.USES) == []


# Several tasks of one ask


def test_a_joint_answer_is_reused_for_all_of_its_tasks_and_counts_once() -> None:
    both = json.dumps({**json.loads(TEXTS["caption"]), **json.loads(TEXTS["segment"])})
    rig = _rig(both)
    first, second = _joint(rig, "first.jpg"), _joint(rig, "second.jpg")

    for event in (first, second):
        analyze(event, rig.ports)

    paid = {view.task: rig.document(view) for view in first.views()}
    reused = {view.task: rig.document(view) for view in second.views()}
    assert len(rig.model.requests) == 1
    assert {each["model"]["reused_from"] for each in reused.values()} == {paid["segment"]["id"]}
    assert reused["segment"]["usage"] == NOTHING | {"saved_usd": paid["segment"]["usage"]["cost_usd"]}
    assert reused["caption"]["usage"] == NOTHING | {"counted_in": "segment"}


def test_segment_alone_and_segment_with_detect_within_share_an_answer() -> None:
    rig = _rig()
    _analyzed(rig, "first.jpg", task="segment")

    second = _joint(rig, "second.jpg", tasks=("detect", "segment"))
    analyze(second, rig.ports)

    assert len(rig.model.requests) == 1
    assert all("reused_from" in rig.document(view)["model"] for view in second.views())


# What is not good enough


def test_an_answer_that_cannot_be_read_or_that_is_a_refusal_is_not_shared() -> None:
    for text, finish in (("a poem", "STOP"), (TEXTS["detect"], "SAFETY"), (TEXTS["detect"], "MAX_TOKENS")):
        rig = Rig(lambda _, text=text, finish=finish: reply(text, finish=finish), settings=REUSING)

        _analyzed(rig, "first.jpg", "second.jpg")

        assert len(rig.model.requests) == 2, finish
        assert _kept(rig, naming.ANSWERS) == []


def test_a_joint_answer_of_which_a_part_is_missing_is_not_shared_and_the_further_one_is() -> None:
    texts = iter([TEXTS["segment"], TEXTS["caption"]])
    rig = Rig(lambda _: reply(next(texts)), settings=REUSING)

    analyze(_joint(rig, "first.jpg"), rig.ports)

    assert len(rig.model.requests) == 2
    assert len(_kept(rig, naming.ANSWERS)) == 1


def test_an_answer_about_a_smaller_copy_is_not_shared() -> None:
    # Vertex AI cannot read the buckets of an emulator, so that what is too large has to be made smaller.
    rig = _rig(enterprise=True, project="p", storage_emulator_host="http://local", inline_limit_bytes=400_000)
    sink = io.BytesIO()
    Image.effect_noise((600, 600), 90).save(sink, "PNG")

    (event,) = _analyzed(rig, "first.png", data=sink.getvalue())

    assert rig.document(event)["transport"]["changes"] != []
    assert _kept(rig, naming.ANSWERS) == []


def test_a_damaged_copy_is_told_and_left_aside() -> None:
    rig = _rig()
    _analyzed(rig, "first.jpg")
    (copy,) = _kept(rig, naming.ANSWERS)
    there = rig.store.stat(WORK, copy)
    assert there is not None
    rig.store.replace(WORK, copy, b"{}", generation=there.generation, content_type="application/json")

    _analyzed(rig, "second.jpg")

    assert len(rig.model.requests) == 2


# Ceilings, leases and crashes


def test_a_reused_answer_needs_no_room_below_the_ceiling() -> None:
    rig = _rig(max_calls_per_day=1)

    _, second, third = _analyzed(rig, "first.jpg", "second.jpg", "third.jpg")
    other = rig.upload("other.jpg", picture(90, 70))
    analyze(other, rig.ports)

    assert rig.document(third)["status"] == rig.document(second)["status"] == "ok"
    assert [event["status"] for event in rig.result_events()] == ["ok"] * 3 + ["held"]


def test_whoever_comes_while_another_upload_is_asked_about_waits_and_is_delivered_again() -> None:
    rig = _rig()
    calls: list[ModelRequest] = []

    def answer(request: ModelRequest) -> Any:
        calls.append(request)
        if len(calls) == 1:  # the second upload comes while the model thinks
            with pytest.raises(WaitingError) as waits:
                analyze(second, replace(rig.ports, new_id=lambda: "another"))
            assert waits.value.retry_after_s
        return reply(TEXTS["detect"])

    rig.answer = answer
    first, second = rig.upload("first.jpg"), rig.upload("second.jpg")
    analyze(first, rig.ports)
    analyze(second, rig.ports)

    assert len(calls) == 1
    assert rig.document(second)["model"]["reused_from"] == rig.document(first)["id"]


def test_waiting_for_another_upload_says_nothing_about_the_model() -> None:
    held = lease.HeldLease(1, first=True, past=lease.Past("503", away=5))

    assert lease.after(WaitingError("Another upload."), held).away == 5
    assert lease.after(TransientError("Storage is slow."), held).away == 0


@pytest.mark.parametrize("step", range(40))
def test_wherever_a_delivery_dies_nothing_is_paid_for_twice_but_what_was_never_kept(step: int) -> None:
    rig = _rig()
    first, second = rig.upload("first.jpg"), rig.upload("second.jpg")
    rig.store.faults = rig.publisher.faults = crash = CrashBefore(step)
    try:
        analyze(first, rig.ports)
        analyze(second, rig.ports)
    except ZeroDivisionError:
        pass
    else:
        assert not crash.happened
    rig.store.faults = rig.publisher.faults = type(rig.model.faults)()
    rig.clock.time_s += rig.settings.lease_ttl_s + 1
    lost = len(rig.model.requests) - bool(_kept(rig, naming.REPLIES))
    for event in (first, second):
        analyze(event, rig.ports)

    assert len(rig.model.requests) == 1 + max(lost, 0)
    assert sum("reused_from" in rig.document(each)["model"] for each in (first, second)) == 1
    for event in (first, second):
        _forget(rig, event)
    assert [*rig.store.list_names(RESULTS, ""), *_kept(rig, "")] == []


def test_whoever_replays_the_journal_keeps_the_copy_that_a_crash_has_prevented(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = _rig()
    first = rig.upload("first.jpg")
    with monkeypatch.context() as broken:
        broken.setattr(reuse, "keep_copy", _crash)
        with pytest.raises(ZeroDivisionError):
            analyze(first, rig.ports)
    assert _kept(rig, naming.ANSWERS) == []

    analyze(first, rig.ports)
    _analyzed(rig, "second.jpg")

    assert len(rig.model.requests) == 1
    assert len(_kept(rig, naming.ANSWERS)) == 2


def _crash(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError


def test_a_failure_that_is_redriven_may_have_the_answer_of_another_upload() -> None:
    rig = Rig(lambda _: reply("a poem"), settings=REUSING)
    (failed,) = _analyzed(rig, "first.jpg")
    assert rig.document(failed, error=0)["error"]["code"] == ErrorCode.FAILED
    rig.answer = None
    (second,) = _analyzed(rig, "second.jpg")

    assert rig.document(second)["status"] == "ok"
    assert "reused_from" not in rig.document(second)["model"]


# Forgetting


def test_the_answer_is_there_as_long_as_any_upload_has_it() -> None:
    rig = _rig()
    first, second = _analyzed(rig, "first.jpg", "second.jpg")

    _forget(rig, first)
    (third,) = _analyzed(rig, "third.jpg")
    assert len(rig.model.requests) == 1
    assert "first.jpg" not in str(rig.document(third))

    for event in (second, third):
        _forget(rig, event)
    assert [*rig.store.list_names(RESULTS, ""), *_kept(rig, "")] == []


def test_what_was_shared_is_forgotten_though_nothing_is_reused_any_more() -> None:
    rig = _rig()
    (first,) = _analyzed(rig, "first.jpg")

    rig.store.delete(UPLOADS, "first.jpg")
    forget(Upload(first.source), replace(rig.ports, settings=SETTINGS))

    assert _kept(rig, "") == []


def test_an_upload_that_is_forgotten_leaves_the_lease_to_whoever_asks() -> None:
    rig = Rig(lambda _: reply("a poem"), settings=REUSING)
    (gone,) = _analyzed(rig, "gone.jpg")
    claims: list[Sequence[str]] = []

    def answer(_: ModelRequest) -> Any:
        _forget(rig, gone)
        claims.append(_kept(rig, "leases/_answers/"))
        return reply(TEXTS["detect"])

    rig.answer = answer
    (asking,) = _analyzed(rig, "asking.jpg")

    assert [len(each) for each in claims] == [1]
    assert len(_kept(rig, naming.ANSWERS)) == 1
    _forget(rig, asking)
    assert _kept(rig, "") == []


def test_a_use_that_is_not_ours_leads_nobody_astray() -> None:
    rig = _rig()
    first, second = _analyzed(rig, "first.jpg", "second.jpg")
    paths = begin(first, rig.ports).paths
    (use,) = [name for name in _kept(rig, naming.USES) if "first.jpg" in name]
    there = rig.store.stat(WORK, use)
    assert there is not None
    rig.store.replace(WORK, use, b'{"content": "x"}', generation=there.generation, content_type="application/json")

    uses.give_up(paths, [use], rig.ports)

    assert len(_kept(rig, naming.ANSWERS)) == 2
    assert rig.document(second)["status"] == "ok"
