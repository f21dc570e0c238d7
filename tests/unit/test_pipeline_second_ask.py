"""An empty or useless answer is asked for once more, deliberately and never a third time."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core import naming
from shared.pipeline.worker.analyze import analyze
from tests.rig import WORK, Rig, reply

CAPTION = '{"caption": "A red square on white."}'
CUT = '{"boxes": [{"label": "square", "box_2d": [250, 2'


def answering(*replies: dict[str, Any]) -> Rig:
    left = iter(replies)
    return Rig(answer=lambda _: next(left))


@pytest.mark.fault(64)
def test_an_empty_answer_is_asked_for_once_more_and_both_are_counted() -> None:
    rig = answering(reply(""), reply(CAPTION))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert (document["status"], document["caption"]) == ("ok", "A red square on white.")
    assert document["usage"]["prompt_tokens"] == 2 * 1200
    assert [request.prompt for request in rig.model.requests] == [event.settings.prompt] * 2


@pytest.mark.fault(65)
def test_an_answer_that_is_cut_before_anything_complete_is_asked_for_shorter() -> None:
    rig = answering(reply(CUT, finish="MAX_TOKENS"), reply('{"boxes": []}'))
    event = rig.upload()

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "empty"
    assert rig.model.requests[1].prompt.startswith(event.settings.prompt)
    assert "Keep the answer short" in rig.model.requests[1].prompt


@pytest.mark.fault(65)
def test_a_cut_answer_with_complete_items_stands() -> None:
    whole = '{"boxes": [{"label": "square", "box_2d": [250, 250, 750, 750]}, {"label": "sq'
    rig = answering(reply(whole, finish="MAX_TOKENS"))
    event = rig.upload()

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "partial"
    assert len(rig.model.requests) == 1


@pytest.mark.fault(64)
def test_a_second_useless_answer_is_an_error_and_there_is_no_third() -> None:
    rig = answering(reply(""), reply(""))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 2
    assert rig.document(event, error=0)["error"]["code"] == "failed"


@pytest.mark.fault(62)
def test_a_blocked_answer_is_never_asked_for_again() -> None:
    rig = answering(reply("", finish="SAFETY"))
    event = rig.upload(task="caption")

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(event)["status"] == "blocked"


def test_a_redelivery_pays_for_neither_ask_again() -> None:
    rig = answering(reply(""), reply(CAPTION))
    event = rig.upload(task="caption")
    paths = naming.paths(event.source, run=event.run, task=event.task)
    analyze(event, rig.ports)
    rig.store.delete("results", paths.result)
    rig.store.delete(WORK, paths.lease)
    rig.store.create(WORK, paths.lease, b"{}", content_type="application/json", metadata={"uplook-state": "released"})

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 2
    assert rig.document(event)["usage"]["prompt_tokens"] == 2 * 1200
