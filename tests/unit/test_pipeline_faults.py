"""What crash exploration has found in the delivery protocol, and what was mended (tests/explore)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from shared.core import naming
from shared.core.errors import AlreadyExistsError, ErrorCode, ModelRejectedError, TransientError
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, WORK, Rig, reply

CAPTION = '{"caption": "A red square on white."}'


@pytest.mark.fault(102)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_is_away_for_a_moment_costs_no_second_answer(when: str) -> None:
    rig = Rig()
    event = rig.upload(task="caption")

    def answer_and_break_the_next_write(_: object) -> dict[str, object]:
        rig.store.faults.add("create", TransientError("503"), when=when)  # type: ignore[arg-type]
        return reply(CAPTION)

    rig.answer = answer_and_break_the_next_write

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.store.faults.left == 0
    assert rig.document(event)["status"] == "ok"


def test_an_answer_that_cannot_be_kept_is_given_up_after_three_tries() -> None:
    rig = Rig()
    event = rig.upload(task="caption")

    def answer_and_break_storage(_: object) -> dict[str, object]:
        for _attempt in range(3):
            rig.store.faults.add("create", TransientError("503"))
        return reply(CAPTION)

    rig.answer = answer_and_break_storage

    with pytest.raises(TransientError, match="503"):
        analyze(event, rig.ports)

    assert rig.store.faults.left == 0


def test_a_model_is_not_asked_when_nobody_could_wait_for_its_answer() -> None:
    """The image came so slowly that little is left of the deadline."""
    rig = Rig()
    event = rig.upload(task="caption")
    read = rig.store.read

    def read_slowly(*where: Any, **options: Any) -> bytes:
        rig.clock.time_s += SETTINGS.timeout_s - 15
        return read(*where, **options)

    rig.store.read = read_slowly  # type: ignore[method-assign]

    with pytest.raises(TransientError, match="too little for a model call"):
        analyze(event, rig.ports)

    assert rig.model.requests == []
    rig.store.read = read  # type: ignore[method-assign]
    analyze(event, rig.ports)
    assert rig.document(event)["status"] == "ok"


def test_work_that_was_finished_between_two_looks_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both deliveries have met the first one's lease; the other one commits an error and lets go, all in between."""
    rig = Rig()
    event = rig.upload(task="caption")
    paths = naming.paths(event.source, run="v1", task="caption")
    rig.store.create(WORK, paths.lease, b"{}", content_type="application/json", metadata={"uplook-state": "released"})
    rig.model.faults.add("generate", ModelRejectedError(ErrorCode.REQUEST_REFUSED, "bad field"))
    finish, look = iter([lambda: analyze(event, rig.ports)]), rig.store.read

    def finish_after_the_first_look(bucket: str, name: str, **options: Any) -> bytes:
        try:
            return look(bucket, name, **options)
        finally:
            if name == paths.error(0):
                next(finish, lambda: None)()

    monkeypatch.setattr(rig.store, "read", finish_after_the_first_look)

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.store.list_names(RESULTS, "") == [paths.error(0)]


def test_a_document_that_vanished_before_it_could_be_read_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    _refuse_creates_of(rig, ".json", monkeypatch)

    with pytest.raises(TransientError, match="vanished"):
        analyze(event, rig.ports)


def test_a_file_that_vanished_before_it_could_be_compared_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    event = rig.upload(task="detect")
    _refuse_creates_of(rig, ".jpg", monkeypatch)

    with pytest.raises(TransientError, match="vanished"):
        analyze(event, rig.ports)


def test_a_lease_that_cannot_be_released_hides_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    event = rig.upload(task="caption")
    rig.store.faults.add("replace", TransientError("503"))
    monkeypatch.setattr("shared.pipeline.worker.ask.interpret", _bug)

    with pytest.raises(RuntimeError, match="a bug"):
        analyze(event, rig.ports)

    assert rig.store.faults.left == 0


def test_a_lease_that_cannot_be_released_does_not_undo_an_error_result() -> None:
    rig = Rig()
    event = rig.upload(data=b"two lemons and a loaf of bread", task="caption")
    rig.store.faults.add("replace", TransientError("503"))

    analyze(event, rig.ports)

    assert rig.document(event, error=0)["status"] == "failed"
    assert len(rig.result_events()) == 1
    assert rig.store.faults.left == 0


def test_an_answer_to_other_settings_in_the_journal_is_not_taken_for_an_answer_to_these() -> None:
    rig = Rig(answer=lambda request: reply(json.dumps({"answer": request.prompt})))
    now = rig.upload(task="ask")
    before = dataclasses.replace(now, settings=dataclasses.replace(now.settings, prompt="How many dogs are there?"))
    analyze(before, rig.ports)
    rig.store.delete(
        RESULTS, naming.paths(before.source, run=before.run, task="ask").result
    )  # as if the worker had died between journal and commit
    rig.clock.sleep(rig.settings.lease_ttl_s)

    analyze(now, rig.ports)

    assert [request.prompt for request in rig.model.requests] == [before.settings.prompt, now.settings.prompt]
    assert rig.document(now)["answer"] == now.settings.prompt


def _bug(*_: object) -> None:
    raise RuntimeError("a bug")


def _refuse_creates_of(rig: Rig, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say 412 for what is not there: it was deleted between the write and the look at it."""
    create = rig.store.create

    def refuse(where: str, name: str, data: bytes, **options: Any) -> int:
        if where == RESULTS and name.endswith(suffix):
            raise AlreadyExistsError(f"{name} exists.")
        return create(where, name, data, **options)

    monkeypatch.setattr(rig.store, "create", refuse)
