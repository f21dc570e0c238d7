"""One call answers several tasks: each has a document and an event of its own, and all of it is paid for once."""

from __future__ import annotations

import contextlib
import itertools
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from shared.adapters.memory_faults import Faults
from shared.core import naming
from shared.core.errors import ErrorCode, SchemaRefusedError, TransientError
from shared.core.events.envelopes import ImageEvent, Upload, format_image_event, parse_image_event
from shared.core.planning import plan, redrive
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.upkeep.redrive import redrive_errors
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker import lease
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, TEXTS, UPLOADS, WORK, CrashBefore, Rig, reply

if TYPE_CHECKING:
    from shared.core.gemini.request import ModelRequest

ALL: Final = ("segment", "caption", "detect")
CAPTION, BOXES = json.loads(TEXTS["caption"]), json.loads(TEXTS["segment"])
BOTH = json.dumps({**CAPTION, **BOXES})


def _event(rig: Rig, *tasks: str, together: Any = None, redrive: int = 0) -> ImageEvent:
    """Upload a picture and return the one event that these tasks become."""
    source = rig.upload().source
    choices = Choices(tasks=tasks, together=together)
    (event,) = plan.plan(Upload(source), Rules(choices), run="v1").events
    return replace(event, redrive=redrive)


def _within(rig: Rig) -> ImageEvent:
    return _event(rig, "detect", "segment")


def _joint(rig: Rig) -> ImageEvent:
    return _event(rig, "caption", "detect", "segment", together=(("caption", "detect", "segment"),))


def _documents(rig: Rig, event: ImageEvent) -> dict[str, dict[str, Any]]:
    return {view.task: rig.document(view) for view in event.views()}


def _answering(*texts: str, finish: str = "STOP") -> Rig:
    left = iter(texts)
    return Rig(answer=lambda _: reply(next(left), finish=finish))


# Answers within others


def test_detect_is_answered_out_of_segments_call() -> None:
    rig = Rig()
    event = _within(rig)

    analyze(event, rig.ports)

    found = _documents(rig, event)
    assert {task: each["status"] for task, each in found.items()} == {"segment": "ok", "detect": "ok"}
    assert [item["box_2d"] for item in found["detect"]["items"]] == [
        item["box_2d"] for item in found["segment"]["items"]
    ]
    assert "mask" in found["segment"]["items"][0]
    assert "mask" not in found["detect"]["items"][0]
    assert [file["name"].rpartition("/")[2] for file in found["detect"]["files"]] == ["overlay.jpg"]
    assert len(rig.model.requests) == 1


def test_what_is_asked_kept_and_said_of_segment_is_what_it_is_alone_byte_by_byte() -> None:
    joint, alone = Rig(), Rig()
    event = _within(joint)
    lone = alone.upload(task="segment")
    analyze(event, joint.ports)
    analyze(lone, alone.ports)

    paths = naming.paths(lone.source, run="v1", task="segment")
    for bucket, name in ((WORK, paths.reply(0)), (RESULTS, paths.result)):
        assert joint.store.read(bucket, name, max_bytes=10**7) == alone.store.read(bucket, name, max_bytes=10**7)
    assert joint.model.requests == alone.model.requests
    assert plan.idempotency_key(lone) == plan.ask_key(event)


def test_tokens_and_dollars_stand_once_and_the_other_document_names_the_one_that_has_them() -> None:
    rig = Rig()
    event = _within(rig)

    analyze(event, rig.ports)

    found = _documents(rig, event)
    assert found["segment"]["usage"]["total_tokens"] == 1280
    assert "counted_in" not in found["segment"]["usage"]
    assert found["detect"]["usage"] == {
        "prompt_tokens": 0,
        "output_tokens": 0,
        "thought_tokens": 0,
        "total_tokens": 0,
        "cost_usd": 0.0,
        "counted_in": "segment",
    }


def test_the_ids_are_those_that_the_tasks_have_alone() -> None:
    rig = Rig()
    event = _within(rig)

    analyze(event, rig.ports)

    for task, document in _documents(rig, event).items():
        assert document["id"] == plan.idempotency_key(rig.event_of(event.source, task))
    assert sorted((each["task"], each["id"]) for each in rig.result_events()) == sorted(
        (task, each["id"]) for task, each in _documents(rig, event).items()
    )


def test_an_answer_that_was_paid_for_before_the_tasks_were_put_together_serves_both() -> None:
    rig = Rig()
    lone = rig.upload(task="segment")
    analyze(lone, rig.ports)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1
    event = plan.plan(Upload(lone.source), Rules(Choices(tasks=("detect", "segment"))), run="v1").events[0]

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(event.views()[1])["usage"]["counted_in"] == "segment"


def test_what_was_done_alone_before_is_left_alone_and_not_asked_for_again() -> None:
    """Its overlay may show other boxes than those that the new answer has."""
    rig = Rig()
    lone = rig.upload(task="detect")
    analyze(lone, rig.ports)
    before = rig.document(lone)
    event = plan.plan(Upload(lone.source), Rules(Choices(tasks=("detect", "segment"))), run="v1").events[0]

    analyze(event, rig.ports)

    assert [rig.task_of(request) for request in rig.model.requests] == ["detect", "segment"]
    assert rig.document(lone) == before
    assert rig.document(event)["status"] == "ok"


# Joined tasks


def test_three_tasks_are_asked_in_one_call_with_one_schema() -> None:
    rig = Rig(answer=BOTH)
    event = _joint(rig)

    analyze(event, rig.ports)

    (request,) = rig.model.requests
    assert request.schema is not None
    assert list(request.schema["properties"]) == request.schema["required"] == ["caption", "boxes"]
    assert all(view.settings.prompt in request.prompt for view in event.views() if view.task != "detect")
    found = _documents(rig, event)
    assert {task: each["status"] for task, each in found.items()} == dict.fromkeys(ALL, "ok")
    assert found["caption"]["caption"] == "A red square on white."
    assert [found[task]["usage"].get("counted_in") for task in ALL] == [None, "segment", "segment"]
    assert {each["model"]["requested"] for each in found.values()} == {"gemini-3.8-flash"}


def test_one_event_one_lease_and_one_entry_of_the_journal() -> None:
    rig = Rig(answer=BOTH)
    event = _joint(rig)

    analyze(event, rig.ports)

    paths = naming.paths(event.source, run="v1", task="segment")
    assert sorted(rig.store.list_names(WORK, "")) == [paths.lease, paths.reply(0)]


def test_a_part_that_cannot_be_used_is_asked_for_alone_and_the_others_are_committed_before() -> None:
    seen = list[list[str]]()

    def answer(request: ModelRequest) -> Any:
        seen.append(sorted(name.rpartition("/")[2] for name in rig.store.list_names(RESULTS, "") if ".json" in name))
        return reply(json.dumps(BOXES) if '"boxes"' in request.prompt else TEXTS["caption"])

    rig = Rig(answer=answer)
    event = _joint(rig)

    analyze(event, rig.ports)

    assert [rig.task_of(request) for request in rig.model.requests] == ["segment", "caption"]
    assert rig.model.requests[1].prompt == event.views()[1].settings.prompt
    assert seen == [[], ["detect.json", "segment.json"]]
    found = _documents(rig, event)
    assert {task: each["status"] for task, each in found.items()} == dict.fromkeys(ALL, "ok")
    assert [found[task]["usage"]["total_tokens"] for task in ALL] == [1280, 1280, 0]
    assert [found[task]["usage"].get("counted_in") for task in ALL] == [None, "segment", "segment"]


def test_a_part_that_never_can_be_used_fails_alone_and_there_is_no_third_ask() -> None:
    rig = Rig(answer=json.dumps(BOXES))
    event = _joint(rig)

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 2
    assert rig.document(event)["status"] == "ok"
    failed = rig.document(event.views()[1], error=0)
    assert failed["error"]["code"] == "failed"
    assert [each["task"] for each in failed["ask"]] == list(event.tasks)


def test_of_a_cut_answer_the_part_that_was_complete_is_ok_and_the_cut_one_partial() -> None:
    cut = BOTH[: BOTH.rindex("}]") + 1] + ', {"label": "sq'
    rig = _answering(cut, finish="MAX_TOKENS")
    event = _joint(rig)

    analyze(event, rig.ports)

    assert {task: each["status"] for task, each in _documents(rig, event).items()} == {
        "segment": "partial",
        "detect": "partial",
        "caption": "ok",
    }


def test_of_an_answer_that_is_cut_before_any_item_the_cut_part_is_asked_for_shorter() -> None:
    rig = _answering(BOTH[: BOTH.index("box_2d")], TEXTS["segment"], finish="MAX_TOKENS")
    event = _joint(rig)

    analyze(event, rig.ports)

    assert "Describe" not in rig.model.requests[1].prompt
    assert "Keep the answer short" in rig.model.requests[1].prompt
    assert rig.document(event.views()[1])["status"] == "ok"


@pytest.mark.parametrize("text", ["", "no JSON at all"])
def test_an_answer_without_any_part_is_asked_for_as_a_whole_once_more(text: str) -> None:
    rig = _answering(text, BOTH)
    event = _joint(rig)

    analyze(event, rig.ports)

    assert rig.model.requests[0] == rig.model.requests[1]
    assert rig.document(event)["usage"]["total_tokens"] == 2560
    assert {each["status"] for each in _documents(rig, event).values()} == {"ok"}


def test_a_blocked_answer_is_blocked_for_all_of_its_tasks() -> None:
    rig = _answering("", finish="SAFETY")
    event = _joint(rig)

    analyze(event, rig.ports)

    assert {each["status"] for each in _documents(rig, event).values()} == {"blocked"}
    assert len(rig.model.requests) == 1


def test_a_refused_schema_is_left_out_and_the_answer_is_read_all_the_same() -> None:
    def answer(request: ModelRequest) -> Any:
        if request.schema is not None:
            raise SchemaRefusedError(ErrorCode.REQUEST_REFUSED, "400: an invalid argument")
        return reply(f"Here it is:\n```json\n{json.dumps(CAPTION)}\n```\nand\n```json\n{json.dumps(BOXES)}\n```")

    rig = Rig(answer=answer)
    event = _joint(rig)

    analyze(event, rig.ports)

    found = _documents(rig, event)
    assert {each["status"] for each in found.values()} == {"ok"}
    assert all("asked without one" in " ".join(each["warnings"]) for each in found.values())


# What ends without an answer


def test_a_broken_image_is_told_for_every_task() -> None:
    rig = Rig()
    event = _joint(rig)
    rig.store.replace(
        UPLOADS, event.source.name, b"no picture", generation=event.source.generation, content_type="image/jpeg"
    )

    analyze(event, rig.ports)

    assert {each["status"] for each in _documents(rig, event).values()} == {"skipped"}
    assert sorted(each["task"] for each in rig.result_events()) == sorted(ALL)


def test_a_dead_letter_fails_every_task_that_has_no_document() -> None:
    def answer(request: ModelRequest) -> Any:
        if '"boxes"' not in request.prompt:
            raise TransientError("503")
        return reply(json.dumps(BOXES))

    rig = Rig(answer=answer)
    event = _joint(rig)
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    rig.publisher.messages.clear()

    record_dead_letter(format_image_event(event), rig.ports)

    assert rig.document(event)["status"] == "ok"
    assert rig.document(event.views()[1], error=0)["error"]["code"] == "dead_letter"
    assert sorted((each["task"], each["status"]) for each in rig.result_events()) == [
        ("caption", "failed"),
        ("detect", "ok"),
        ("segment", "ok"),
    ]


def test_at_the_ceiling_the_event_is_parked_once_and_told_for_every_task_without_a_document() -> None:
    rig = Rig(answer=json.dumps(BOXES), settings=replace(SETTINGS, max_calls_per_day=1))
    event = _joint(rig)

    analyze(event, rig.ports)

    held = rig.store.list_names(WORK, "held/")
    assert len(held) == 1
    assert held[0].endswith("/segment.json")
    assert parse_image_event(rig.store.read(WORK, held[0], max_bytes=10**6)) == event
    assert sorted((each["task"], each["status"]) for each in rig.result_events()) == [
        ("caption", "held"),
        ("detect", "ok"),
        ("segment", "ok"),
    ]
    rig.clock.time_s += 86_400
    assert unpark_due(rig.ports) == 1
    (released,) = rig.publisher.messages[rig.settings.image_topic]
    rig.answer = TEXTS["caption"]
    analyze(parse_image_event(released.data), rig.ports)
    assert rig.document(event.views()[1])["status"] == "ok"
    assert len(rig.model.requests) == 2


# Second chances


def test_a_redrive_of_any_failed_part_is_the_same_event_and_pays_for_nothing_that_is_journalled() -> None:
    rig = Rig(answer="nothing of use")
    event = _joint(rig)
    analyze(event, rig.ports)
    names = [name for name in rig.store.list_names(RESULTS, "") if ".error-" in name]
    assert len(names) == 3

    redriven = list(redrive_errors(names, rig.ports))

    messages = rig.publisher.messages[rig.settings.image_topic]
    assert sorted(each.task for each in redriven) == sorted(ALL)
    assert {message.data for message in messages} == {format_image_event(replace(event, redrive=1)).data}
    analyze(parse_image_event(messages[0].data), rig.ports)
    assert len(rig.model.requests) == 2
    assert len([name for name in rig.store.list_names(RESULTS, "") if ".error-1" in name]) == 3


def test_a_redrive_leaves_the_parts_alone_that_have_their_result() -> None:
    rig = Rig(answer=json.dumps(BOXES))
    event = _joint(rig)
    analyze(event, rig.ports)
    rig.answer = TEXTS["caption"]
    failed = rig.document(event.views()[1], error=0)
    paths = naming.paths(event.source, run="v1", task="caption")
    rig.store.delete(WORK, replace(paths, task="segment").reply(1))  # as if it had never been answered

    analyze(redrive.next_event(failed, paths.error(0), prefix=""), rig.ports)

    assert rig.document(event.views()[1])["caption"] == "A red square on white."
    assert len(rig.model.requests) == 3


@pytest.mark.parametrize("damage", [{"ask": 5}, {"ask": []}, {"ask": [1]}, {"ask": [{"task": "caption"}]}])
def test_a_failure_whose_ask_makes_no_sense_is_not_redriven(damage: dict[str, Any]) -> None:
    rig = Rig(answer="nothing of use")
    event = _joint(rig)
    analyze(event, rig.ports)
    name = naming.paths(event.source, run="v1", task="caption").error(0)
    rig.store.delete(RESULTS, name)
    document = {**json.loads(json.dumps(rig.document(event, error=0))), "task": "caption", **damage}
    rig.store.plant(RESULTS, name, json.dumps(document).encode())

    (told,) = redrive_errors([name], rig.ports)

    assert told.left is not None


# Whatever dies


@pytest.mark.parametrize("texts", [(BOTH,), (json.dumps(BOXES), TEXTS["caption"])], ids=["one ask", "two asks"])
def test_whatever_dies_where_every_task_has_one_document_and_an_event(texts: tuple[str, ...]) -> None:
    for step in itertools.count():
        rig = Rig(answer=partial(_of, texts))
        event = _joint(rig)
        crash = CrashBefore(step)
        rig.store.faults, rig.publisher.faults, rig.model.faults = crash, crash, crash
        with contextlib.suppress(ZeroDivisionError):
            analyze(event, rig.ports)
        rig.store.faults, rig.publisher.faults, rig.model.faults = Faults(), Faults(), Faults()
        rig.clock.time_s += rig.settings.lease_ttl_s + 1
        analyze(event, rig.ports)

        assert {task: each["status"] for task, each in _documents(rig, event).items()} == dict.fromkeys(ALL, "ok")
        assert {each["task"] for each in rig.result_events()} == set(ALL)
        assert sum(each["usage"]["total_tokens"] for each in _documents(rig, event).values()) == 1280 * len(texts)
        assert len(rig.model.requests) <= len(texts) + 1
        if not crash.happened:
            break


def _of(texts: tuple[str, ...], request: ModelRequest) -> Any:
    return reply(texts[0] if '"boxes"' in request.prompt else texts[1])


# Forgetting


def test_all_of_it_is_forgotten() -> None:
    rig = Rig(answer=json.dumps(BOXES))
    event = _joint(rig)
    analyze(event, rig.ports)
    rig.store.delete(UPLOADS, event.source.name)

    forget(Upload(event.source), rig.ports)

    assert [*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")] == []


def test_whoever_is_between_two_documents_is_at_work_and_is_waited_for() -> None:
    rig = Rig(answer=BOTH)
    event = _joint(rig)
    job = begin(event, rig.ports)
    held = lease.claim(job, rig.ports)
    assert isinstance(held, lease.HeldLease)
    paths = naming.paths(event.source, run="v1", task="segment")
    rig.store.plant(RESULTS, paths.result, b"{}")  # its leading document is there, the others are not
    rig.store.delete(UPLOADS, event.source.name)

    with pytest.raises(TransientError, match="still at work"):
        forget(Upload(event.source), rig.ports)

    lease.release(job, held, rig.ports)
    forget(Upload(event.source), rig.ports)
    assert [*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")] == []
