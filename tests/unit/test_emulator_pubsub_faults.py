from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.iam.v1 import iam_policy_pb2

from infra.emulators import Fault
from infra.emulators.pubsub.errors import Refusal
from infra.emulators.pubsub.faults import EVENTS, KINDS, FaultPlan, subject_of, with_fault
from infra.emulators.pubsub.models import proto
from infra.emulators.pubsub.routes import RPCS

TOPIC = "projects/local-dev/topics/images"
SUBSCRIPTION = "projects/local-dev/subscriptions/worker"


@pytest.mark.parametrize(
    ("request_", "subject"),
    [
        (proto("Topic")(name=TOPIC), "images"),
        (proto("PublishRequest")(topic=TOPIC), "images"),
        (proto("UpdateTopicRequest")(topic={"name": TOPIC}), "images"),
        (proto("Subscription")(name=SUBSCRIPTION, topic=TOPIC), "worker"),
        (proto("UpdateSubscriptionRequest")(subscription={"name": SUBSCRIPTION}), "worker"),
        (proto("SeekRequest")(subscription=SUBSCRIPTION, snapshot="projects/local-dev/snapshots/s"), "worker"),
        (proto("GetSnapshotRequest")(snapshot="projects/local-dev/snapshots/then"), "then"),
        (proto("ListTopicsRequest")(project="projects/local-dev"), "local-dev"),
        (proto("ListSchemasRequest")(parent="projects/local-dev"), "local-dev"),
        (iam_policy_pb2.GetIamPolicyRequest(resource=TOPIC), "images"),
        (proto("PublishRequest")(), ""),
    ],
)
def test_a_request_is_about_what_it_names(request_: Any, subject: str) -> None:
    assert subject_of(request_) == subject


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_befalls_some_operation_and_only_those(kind: str) -> None:
    faults = FaultPlan(RPCS)
    faults.add(Fault(kind, times=0))
    hit = {each for each in (*RPCS, *EVENTS) if faults.take(each, "x")}
    rpcs = set(RPCS)
    assert (
        hit
        == {
            "status": rpcs,
            "lost_answer": {*rpcs, "push"},
            "delay": {*rpcs, "push", "deliver"},
            "duplicate": {"deliver"},
            "reorder": {"deliver"},
            "lost_ack": {"ack"},
            "push_status": {"push"},
        }[kind]
    )


def test_an_rpc_that_fits_the_pattern_but_not_the_kind_spends_nothing() -> None:
    faults = FaultPlan(RPCS)
    faults.add(Fault("duplicate", operation="*"))
    assert faults.take("Publish", "images") is None
    assert faults.documents()[0]["left"] == 1


def outcome(fault: Fault | None) -> tuple[str, int]:
    """Return the answer of an RPC, or the code of its refusal, and how often it took effect."""
    done: list[int] = []

    def act() -> str:
        done.append(1)
        return "answer"

    try:
        answer = asyncio.run(with_fault(fault, act))
    except Refusal as refusal:
        answer = refusal.code.name
    return answer, len(done)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, ("answer", 1)),
        (Fault("delay", seconds=0.001), ("answer", 1)),
        (Fault("status"), ("UNAVAILABLE", 0)),
        (Fault("status", status=8), ("RESOURCE_EXHAUSTED", 0)),
        (Fault("lost_answer"), ("UNAVAILABLE", 1)),
        (Fault("lost_answer", status=4), ("DEADLINE_EXCEEDED", 1)),
    ],
)
def test_an_rpc_suffers_its_fault(fault: Fault | None, expected: tuple[str, int]) -> None:
    assert outcome(fault) == expected


def test_the_refusal_of_an_rpc_whose_answer_is_lost_is_its_own() -> None:
    def act() -> None:
        raise Refusal("NOT_FOUND", "no such topic")

    with pytest.raises(Refusal, match="no such topic"):
        asyncio.run(with_fault(Fault("lost_answer"), act))
