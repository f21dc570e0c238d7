"""The emulator answers several tasks in one call, from the schema alone, and the tokens of default tasks fall."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core.events.envelopes import Upload
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import plan
from shared.core.planning.rules import Rules
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT = ("caption", "detect", "segment")


@pytest.fixture(scope="module")
def emulator() -> Iterator[GeminiModel]:
    with running("gemini") as url:
        yield GeminiModel(ByKey("local"), base_url=url, connections=2)


def _documents(emulator: GeminiModel, tasks: Sequence[str], together: Any) -> tuple[int, list[dict[str, Any]]]:
    """Do these tasks for one picture; return how many calls that took, and their documents."""
    rig = Rig()
    ports = dataclasses.replace(rig.ports, model=emulator)
    choices = Choices(tasks=tuple(tasks), together=together, for_all=TaskChoices(question="What is red?"))
    events = plan(Upload(rig.upload().source), Rules(choices), run="v1").events
    for event in events:
        analyze(event, ports)
    return len(rig.store.list_names("work", "replies/")), [
        rig.document(view) for event in events for view in event.views()
    ]


@pytest.mark.parametrize(
    ("tasks", "together", "calls"),
    [
        (DEFAULT, (), 3),
        (DEFAULT, None, 2),
        (DEFAULT, (DEFAULT,), 1),
        (("ask", "caption", "classify", "detect", "read", "segment"), (("ask", "caption", "classify", "read"),), 3),
        (("ask", "caption", "classify", "read", "segment"), (("ask", "caption", "classify", "read", "segment"),), 1),
    ],
)
def test_every_task_has_a_document_of_its_own_whatever_shares_a_call(
    emulator: GeminiModel, tasks: Sequence[str], together: Any, calls: int
) -> None:
    made, found = _documents(emulator, tasks, together)

    assert made == calls
    assert sorted(each["task"] for each in found) == sorted(tasks)
    assert {each["status"] for each in found} <= {"ok", "empty"}
    assert sum("counted_in" not in each["usage"] for each in found) == calls


def test_default_tasks_cost_less_than_apart_and_still_less_in_one_call(emulator: GeminiModel) -> None:
    apart, default, together = (
        sum(each["usage"]["cost_usd"] for each in _documents(emulator, DEFAULT, groups)[1])
        for groups in ((), None, (DEFAULT,))
    )

    assert default <= 0.7 * apart, (apart, default, together)
    assert together < default, (apart, default, together)
