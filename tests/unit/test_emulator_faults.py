"""Planned faults: which request is hit, how often, and what a bad rule is told."""

from __future__ import annotations

from typing import Any

import pytest

from infra.emulators.common.faults import Fault, FaultError, Plan, parse_fault

KINDS = {"status": "answers with a status", "latency": "waits"}


def test_a_fault_hits_as_many_requests_as_it_says_and_no_more() -> None:
    plan = Plan(KINDS)
    plan.add(Fault("status", times=2))

    assert [plan.take("any") is not None for _ in range(3)] == [True, True, False]
    assert plan.documents()[0]["left"] == 0


def test_requests_can_be_let_pass_first() -> None:
    plan = Plan(KINDS)
    plan.add(Fault("status", skip=2))

    assert [plan.take("any") is not None for _ in range(4)] == [False, False, True, False]


def test_patterns_choose_operation_and_subject() -> None:
    plan = Plan(KINDS)
    plan.add(Fault("status", operation="object.*", subject="*/cat.jpg"))

    assert plan.take("bucket.insert", "a/cat.jpg") is None
    assert plan.take("object.insert", "a/dog.jpg") is None
    assert plan.take("object.insert", "a/cat.jpg") is not None


def test_zero_times_hits_until_it_is_removed() -> None:
    plan = Plan(KINDS)
    plan.add(Fault("latency", times=0))

    assert all(plan.take("any") for _ in range(100))
    plan.clear()
    assert plan.take("any") is None


def test_a_share_hits_that_part_of_the_requests_and_the_same_ones_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        plan = Plan(KINDS)
        plan.add(Fault("status", times=0, share=0.3, seed=seed))
        return [plan.take("any") is not None for _ in range(1000)]

    assert 250 < sum(hits(1)) < 350
    assert hits(1) == hits(1) != hits(2)


def test_the_oldest_rule_that_is_not_spent_decides() -> None:
    plan = Plan(KINDS)
    plan.add(Fault("status", status=503))
    plan.add(Fault("status", status=429))

    taken = [plan.take("any"), plan.take("any")]

    assert [fault.status for fault in taken if fault] == [503, 429]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "expected an object"),
        ({}, "expected an object"),
        ({"kind": 1}, "expected an object"),
        ({"kind": "status", "colour": "red"}, "unknown fields colour"),
        ({"kind": "status", "times": "2"}, "times: expected a number"),
        ({"kind": "status", "times": True}, "times: expected a number"),
        ({"kind": "status", "status": 503.5}, "status: expected a number"),
        ({"kind": "status", "operation": 5}, "operation: expected a text"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_words(value: Any, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parse_fault(value)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("quake"), "expected one of latency"),
        (Fault("status", skip=-1), "0 or"),
        (Fault("status", share=0), "share: expected"),
        (Fault("status", share=1.5), "share: expected"),
    ],
)
def test_a_plan_refuses_what_its_emulator_cannot_do(fault: Fault, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        Plan(KINDS).add(fault)
