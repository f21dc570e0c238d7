"""Budgets of prefixes: each is kept, and none that is used up holds another's events."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from shared.core.delivery import holding
from shared.core.delivery.budget import Ceiling, Scope
from shared.core.delivery.holding import Place
from shared.core.errors import ErrorCode, ParkError, TransientError
from shared.core.events import envelopes
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.values import Source
from shared.pipeline.instance.budgets import Budgets
from shared.pipeline.upkeep.room import room_calls
from shared.pipeline.upkeep.unpark import parked_places, unpark, unpark_due
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, WORK, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.events.envelopes import ImageEvent

IMAGE = picture()
DAY_S = 86_400.0
A, B = Scope(None, "a/"), Scope("uploads", "b/")
OF_A = Source("uploads", "a/1.jpg", 1)


def rig_with(*budgets: Ceiling, **settings: Any) -> Rig:
    return Rig(rules=Rules(Choices(), budgets=budgets), settings=dataclasses.replace(SETTINGS, **settings))


def uploads(rig: Rig, *names: str) -> Sequence[ImageEvent]:
    return [rig.upload(name, IMAGE, task="caption") for name in names]


def work(rig: Rig, events: Sequence[ImageEvent]) -> None:
    for event in events:
        analyze(event, rig.ports)


def released(rig: Rig) -> Sequence[ImageEvent]:
    messages = rig.publisher.messages.pop(rig.settings.image_topic, [])
    return [envelopes.parse_image_event(message.data) for message in messages]


def asked(rig: Rig) -> int:
    return len(rig.model.requests)


def with_budgets(rig: Rig, *budgets: Ceiling) -> Any:
    """Return the ports of the same deployment with other rules."""
    ceiling = Ceiling(rig.settings.max_calls_per_day, rig.settings.max_usd_per_day)
    return dataclasses.replace(rig.ports, budgets=budgets, budget=Budgets(ceiling, budgets))


def test_a_tenant_at_its_budget_holds_no_other() -> None:
    rig = rig_with(Ceiling(2, scope=A), Ceiling(3, scope=B))
    work(rig, uploads(rig, *(f"{tenant}/{number}.jpg" for number in range(5) for tenant in "abc")))

    assert asked(rig) == 2 + 3 + 5
    assert {(place.budget, place.cause) for place in parked_places(rig.ports)} == {(A.id, None), (B.id, None)}


def test_what_waits_for_a_budget_says_so_in_words() -> None:
    rig = rig_with(Ceiling(1, 0.5, scope=A))
    guard = rig.ports.budget.of(OF_A)
    guard.reserve(0.01, rig.ports, timeout_s=10)
    other = Budgets(Ceiling(), rig.rules.budgets).of(OF_A)

    with pytest.raises(ParkError) as caught:
        other.reserve(0.01, rig.ports, timeout_s=10)

    assert caught.value.message == (
        "The budget of 1 calls or 0.5 dollars a day for a/ in any bucket is reached ([[budgets]] in the rules)."
    )
    assert (caught.value.code, caught.value.budget) == (ErrorCode.DAILY_CEILING, A.id)


def test_both_the_budget_and_the_ceiling_must_have_room() -> None:
    rig = rig_with(Ceiling(5, scope=A), max_calls_per_day=3)
    work(rig, uploads(rig, *(f"a/{number}.jpg" for number in range(5))))

    assert asked(rig) == 3
    assert {place.budget for place in parked_places(rig.ports)} == {None}


def test_a_budget_within_another_needs_room_in_both() -> None:
    inner = Scope(None, "a/trial/")
    rig = rig_with(Ceiling(3, scope=A), Ceiling(1, scope=inner))
    work(rig, uploads(rig, "a/trial/1.jpg", "a/trial/2.jpg", "a/3.jpg", "a/4.jpg", "a/5.jpg"))

    assert asked(rig) == 3
    assert {place.budget for place in parked_places(rig.ports)} == {A.id, inner.id}


def test_a_call_that_the_ceiling_refuses_is_given_back_to_the_budget() -> None:
    rig = rig_with(Ceiling(1, scope=A), max_calls_per_day=1)
    guards = Budgets(Ceiling(1), rig.rules.budgets)
    guards.of(Source("uploads", "c/1.jpg", 1)).reserve(0.01, rig.ports, timeout_s=10)
    with pytest.raises(ParkError) as caught:
        Budgets(Ceiling(1), rig.rules.budgets).of(OF_A).reserve(0.01, rig.ports, timeout_s=10)
    assert caught.value.budget is None

    with pytest.raises((ParkError, TransientError)):
        guards.of(OF_A).reserve(0.01, rig.ports, timeout_s=0.1)
    ledger = guards.of(OF_A)._guards[0]._ledgers
    assert all(not each.reserved.calls for each in ledger.values())


def test_a_release_has_as_many_as_each_budget_has_room_for() -> None:
    rig = rig_with(Ceiling(2, scope=A), Ceiling(4, scope=B))
    work(rig, uploads(rig, *(f"{tenant}/{number}.jpg" for number in range(10) for tenant in "ab")))
    assert asked(rig) == 6

    rig.clock.time_s += DAY_S
    done = unpark(rig.ports)

    assert {(each.budget, each.waiting, each.released) for each in done} == {(A.id, 8, 2), (B.id, 6, 4)}
    again = released(rig)
    assert [each.source.name for each in again if each.source.name.startswith("a/")] == ["a/2.jpg", "a/3.jpg"]
    assert unpark_due(rig.ports) == 0, "what was released and not asked about yet takes its room"

    work(rig, again)
    assert asked(rig) == 12
    assert unpark_due(rig.ports) == 0


def test_in_a_release_the_deployments_room_is_shared_out_once() -> None:
    rig = rig_with(Ceiling(4, scope=A), Ceiling(4, scope=B), max_calls_per_day=5)
    for budget in (A, B):
        for number in range(4):
            event = rig.upload(f"{budget.prefix}{number}.jpg", IMAGE, task="caption")
            _park(rig, event, Place("2026-11-21T08", budget=budget.id))
    rig.clock.time_s += DAY_S

    assert sum(each.released for each in unpark(rig.ports)) == 5
    assert room_calls(rig.ports) == 0


def test_a_raised_budget_lets_its_own_go_ahead_of_their_hour() -> None:
    rig = rig_with(Ceiling(1, scope=A), Ceiling(1, scope=B))
    work(rig, uploads(rig, *(f"{tenant}/{number}.jpg" for number in range(5) for tenant in "ab")))
    raised = with_budgets(rig, Ceiling(3, scope=A), Ceiling(1, scope=B))

    done = {each.budget: each.released for each in unpark(raised, early=True)}

    assert done == {A.id: 3, B.id: 0}


def test_a_budget_that_is_gone_holds_nothing_any_more() -> None:
    rig = rig_with(Ceiling(1, scope=A), max_calls_per_day=100)
    work(rig, uploads(rig, *(f"a/{number}.jpg" for number in range(5))))
    rig.clock.time_s += DAY_S

    assert sum(each.released for each in unpark(with_budgets(rig))) == 4


def test_others_than_those_who_have_met_the_end_of_a_budget_are_released() -> None:
    rig = rig_with(Ceiling(2, scope=A), Ceiling(2, scope=B))
    work(rig, uploads(rig, *(f"{tenant}/{number}.jpg" for number in range(3) for tenant in "ab")))
    rig.clock.time_s += DAY_S
    work(rig, uploads(rig, *(f"a/later-{number}.jpg" for number in range(3))))

    assert {each.budget: each.released for each in unpark(rig.ports)} == {A.id: 0, B.id: 1}


def test_a_budget_too_low_for_any_call_is_a_fault_of_its_own_prefix() -> None:
    rig = rig_with(Ceiling(usd=0.000001, scope=A))
    low, fine = uploads(rig, "a/1.jpg", "c/1.jpg")
    work(rig, [low, fine])

    [place] = parked_places(rig.ports)
    assert asked(rig) == 1
    assert place.cause is not None
    assert place != holding.place_of(place.hour, ErrorCode.CONFIGURATION, fine)


def _park(rig: Rig, event: ImageEvent, place: Place) -> None:
    from tests.unit.test_pipeline_release import _park as park_as_workers_do

    park_as_workers_do(rig, event, place)
    assert any(name.startswith(f"held/{place.name}/") for bucket, name in rig.store._objects if bucket == WORK)
