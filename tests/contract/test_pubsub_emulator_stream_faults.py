"""Planned faults of streaming pull, seen by the real client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1.types import StreamingPullRequest

from infra.emulators import Fault
from tests.contract.pubsub_control import short
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]


def pair(emulator: Controlled) -> tuple[str, str]:
    topic = emulator.rig.topic()
    return topic, emulator.rig.subscription(topic)


def read_stream(emulator: Controlled, subscription: str) -> None:
    """Read a stream to its end; it stays open on this side meanwhile."""
    ended = threading.Event()

    def requests() -> Iterator[StreamingPullRequest]:
        yield StreamingPullRequest(subscription=subscription, stream_ack_deadline_seconds=10)
        ended.wait(WAIT_S)

    try:
        for _ in emulator.rig.subscriber.streaming_pull(requests=requests(), retry=None):
            continue
    finally:
        ended.set()


def test_an_acknowledgement_on_a_stream_can_be_lost_too(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    seen: list[str] = []

    def handle(message: Any) -> None:
        seen.append(message.message_id)
        message.ack()

    with emulator.planned(Fault("lost_ack", subject=short(subscription), seconds=0.1)):
        (message_id,) = emulator.rig.publish(topic, b"x")
        stream = emulator.rig.subscriber.subscribe(subscription, handle)
        wait_until(lambda: emulator.counts(subscription)["acked"] == 1, "second acknowledgement")
        stream.cancel()
        stream.result(timeout=WAIT_S)
    assert seen == [message_id, message_id]


def test_a_broken_stream_ends_with_the_status_and_delivers_nothing(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    with emulator.planned(Fault("status", operation="StreamingPull", subject=short(subscription))):
        emulator.rig.publish(topic, b"x")
        with pytest.raises(exceptions.ServiceUnavailable):
            read_stream(emulator, subscription)
    assert emulator.counts(subscription)["delivered"] == 0


def test_the_client_opens_a_broken_stream_again(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    seen: list[bytes] = []

    def handle(message: Any) -> None:
        seen.append(message.data)
        message.ack()

    with emulator.planned(Fault("status", operation="StreamingPull", subject=short(subscription), times=2)):
        emulator.rig.publish(topic, b"x")
        stream = emulator.rig.subscriber.subscribe(subscription, handle)
        wait_until(lambda: bool(seen), "message")
        stream.cancel()
        stream.result(timeout=WAIT_S)
    assert seen == [b"x"]


def test_a_stream_that_breaks_with_its_answer_has_leased_the_messages(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    emulator.rig.publish(topic, b"x")
    fault = Fault("lost_answer", operation="StreamingPull", subject=short(subscription))
    with emulator.planned(fault), pytest.raises(exceptions.ServiceUnavailable):
        read_stream(emulator, subscription)
    assert emulator.counts(subscription)["outstanding"] == 1
