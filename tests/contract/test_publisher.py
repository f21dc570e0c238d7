"""One suite for the publisher port: the memory twin and the generated client against the Pub/Sub emulator."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from infra.local import resources
from shared.adapters.memory import MemoryPublisher
from shared.adapters.pubsub import GooglePublisher
from shared.core.errors import TransientError
from shared.core.ports import Message
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.core.ports import Publisher

MESSAGES = [Message(b'{"n": 1}', {"task": "caption"}), Message("zwölf 🙂".encode(), {"task": "detect", "run": "v1"})]


@pytest.fixture(scope="module")
def pubsub() -> Iterator[str]:
    with running("pubsub") as url:
        yield url.removeprefix("http://")


@pytest.fixture(params=["memory", "emulator"])
def rig(request: pytest.FixtureRequest) -> tuple[Publisher, str, Callable[[], list[Message]]]:
    """A publisher, a topic, and a way to see what arrived."""
    topic = f"projects/local-dev/topics/t-{uuid.uuid4().hex}"
    if request.param == "memory":
        memory = MemoryPublisher()
        return memory, topic, lambda: memory.messages[topic]
    host = request.getfixturevalue("pubsub")
    subscription = topic.replace("topics", "subscriptions")
    resources.publisher(host).create_topic(name=topic)
    subscriber = resources.subscriber(host)
    subscriber.create_subscription(name=subscription, topic=topic)

    def arrived() -> list[Message]:
        pulled = subscriber.pull(subscription=subscription, max_messages=10).received_messages
        return [Message(each.message.data, dict(each.message.attributes)) for each in pulled]

    return GooglePublisher(emulator_host=host), topic, arrived


def test_published_messages_arrive_whole(rig: tuple[Publisher, str, Callable[[], list[Message]]]) -> None:
    publisher, topic, arrived = rig

    publisher.publish(topic, MESSAGES)

    assert sorted(arrived(), key=lambda message: message.data) == sorted(MESSAGES, key=lambda message: message.data)


def test_a_missing_topic_waits_for_the_deployment_to_be_mended(pubsub: str) -> None:
    publisher = GooglePublisher(emulator_host=pubsub)

    with pytest.raises(TransientError, match="nowhere"):
        publisher.publish("projects/local-dev/topics/nowhere", MESSAGES)


@pytest.mark.fault(106)
def test_an_outage_is_a_passing_fault_within_bounds() -> None:
    """Left alone, the client would go on for ten minutes."""
    publisher = GooglePublisher(emulator_host="127.0.0.1:9", retry_s=0.5)

    with pytest.raises(TransientError):
        publisher.publish("projects/local-dev/topics/any", MESSAGES)
