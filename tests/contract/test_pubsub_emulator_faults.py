"""Planned faults of RPCs and deliveries, seen by the real clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient

from infra.emulators import Fault
from shared.adapters.pubsub import GooglePublisher
from shared.core.errors import TransientError
from shared.core.ports import Message
from tests.contract.pubsub_control import short
from tests.waiting import lasting

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]


def pair(emulator: Controlled, **settings: Any) -> tuple[str, str]:
    topic = emulator.rig.topic()
    return topic, emulator.rig.subscription(topic, **settings)


def datas(received: list[Any]) -> list[bytes]:
    return [each.message.data for each in received]


@pytest.mark.parametrize(
    ("code", "error"),
    [(0, exceptions.ServiceUnavailable), (4, exceptions.DeadlineExceeded), (8, exceptions.ResourceExhausted)],
)
def test_a_refused_publish_has_stored_nothing(emulator: Controlled, code: int, error: type[Exception]) -> None:
    topic, subscription = pair(emulator)
    fault = Fault("status", operation="Publish", subject=short(topic), status=code)
    with emulator.planned(fault), pytest.raises(error, match="by the planned fault status"):
        emulator.rig.publish(topic, b"lost")
    emulator.rig.publish(topic, b"kept")
    assert datas(emulator.rig.pull(subscription)) == [b"kept"]


def test_a_publish_whose_answer_is_lost_has_stored_the_message(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    fault = Fault("lost_answer", operation="Publish", subject=short(topic))
    with emulator.planned(fault), pytest.raises(exceptions.ServiceUnavailable):
        emulator.rig.publish(topic, b"x")
    assert datas(emulator.rig.pull(subscription)) == [b"x"]


def test_the_client_that_tries_again_after_a_lost_answer_publishes_twice(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    with emulator.planned(Fault("lost_answer", operation="Publish", subject=short(topic))):
        PublisherClient.publish(emulator.rig.publisher, topic=topic, messages=[{"data": b"x"}])
    first, second = emulator.rig.pull(subscription, 2)
    assert (first.message.data, second.message.data) == (b"x", b"x")
    assert first.message.message_id != second.message.message_id


def test_an_answer_lost_after_the_deadline_of_the_client_is_a_publish_done(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    request = {"topic": topic, "messages": [{"data": b"x"}]}
    fault = Fault("lost_answer", operation="Publish", subject=short(topic), seconds=60.0)
    with emulator.planned(fault), pytest.raises(exceptions.DeadlineExceeded):
        PublisherClient.publish(emulator.rig.publisher, request, retry=None, timeout=3.0)
    assert datas(emulator.rig.pull(subscription)) == [b"x"]


def test_our_publisher_rides_out_a_short_outage(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    with emulator.planned(Fault("status", operation="Publish", subject=short(topic), times=2)):
        GooglePublisher(emulator_host=emulator.host).publish(topic, [Message(b"x", {"task": "caption"})])
    assert datas(emulator.rig.pull(subscription)) == [b"x"]


def test_our_publisher_asks_for_another_delivery_when_it_may_not_publish(emulator: Controlled) -> None:
    topic = emulator.rig.topic()
    publisher = GooglePublisher(emulator_host=emulator.host)
    fault = Fault("status", operation="Publish", subject=short(topic), status=7)
    with emulator.planned(fault), pytest.raises(TransientError, match="PERMISSION_DENIED"):
        publisher.publish(topic, [Message(b"x", {})])


def test_a_delayed_rpc_answers_later(emulator: Controlled) -> None:
    topic, _ = pair(emulator)
    with emulator.planned(Fault("delay", operation="GetTopic", subject=short(topic), seconds=0.3)), lasting(0.3):
        emulator.rig.publisher.get_topic(topic=topic)


def test_a_message_is_delivered_as_often_as_a_duplicate_says(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    with emulator.planned(Fault("duplicate", subject=short(subscription), body=2)):
        (message_id,) = emulator.rig.publish(topic, b"x")
    received = emulator.rig.pull(subscription, 3)
    assert [each.message.message_id for each in received] == [message_id] * 3
    assert len({each.ack_id for each in received}) == 3


def test_only_the_named_subscription_sees_a_duplicate(emulator: Controlled) -> None:
    topic, doubled = pair(emulator)
    plain = emulator.rig.subscription(topic)
    with emulator.planned(Fault("duplicate", subject=short(doubled))):
        emulator.rig.publish(topic, b"x")
    assert (emulator.counts(doubled)["backlog"], emulator.counts(plain)["backlog"]) == (2, 1)


def test_a_message_that_the_filter_stops_takes_no_fault(emulator: Controlled) -> None:
    topic, subscription = pair(emulator, filter='attributes.task = "detect"')
    with emulator.planned(Fault("duplicate", subject=short(subscription))):
        emulator.rig.publish(topic, b"other", attributes={"task": "caption"})
        emulator.rig.publish(topic, b"mine", attributes={"task": "detect"})
    assert datas(emulator.rig.pull(subscription, 2)) == [b"mine", b"mine"]


def test_a_reordered_message_comes_behind_later_ones(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    fault = Fault("reorder", subject=short(subscription), skip=1, body=2, seconds=600)
    with emulator.planned(fault):
        emulator.rig.publish(topic, b"1", b"2", b"3", b"4", b"5")
    assert datas(emulator.rig.pull(subscription, 5)) == [b"1", b"3", b"4", b"2", b"5"]


def test_a_reordered_message_that_none_follows_comes_after_its_time(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    held = Fault("reorder", subject=short(subscription), seconds=0.1)
    later = Fault("delay", operation="deliver", subject=short(subscription), seconds=1)
    with emulator.planned(held, later):
        emulator.rig.publish(topic, b"held", b"later")
    assert datas(emulator.rig.pull(subscription, 2)) == [b"held", b"later"]


def test_a_delayed_delivery_comes_later_and_others_pass(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    with emulator.planned(Fault("delay", operation="deliver", subject=short(subscription), seconds=0.3)):
        emulator.rig.publish(topic, b"late", b"soon")
    assert datas(emulator.rig.pull(subscription, 2)) == [b"soon", b"late"]


def test_a_lost_acknowledgement_brings_the_message_again(emulator: Controlled) -> None:
    topic, subscription = pair(emulator, ack_deadline_seconds=600)
    emulator.rig.publish(topic, b"x")
    (first,) = emulator.rig.pull(subscription)
    with emulator.planned(Fault("lost_ack", subject=short(subscription), seconds=0.1)):
        emulator.rig.subscriber.acknowledge(subscription=subscription, ack_ids=[first.ack_id])
    (second,) = emulator.rig.pull(subscription)
    emulator.rig.subscriber.acknowledge(subscription=subscription, ack_ids=[second.ack_id])
    counts = emulator.counts(subscription)
    assert second.message.message_id == first.message.message_id
    assert (counts["expired"], counts["acked"], counts["backlog"]) == (1, 1, 0)


def test_a_failed_pull_leaves_the_messages_where_they_are(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    emulator.rig.publish(topic, b"x")
    fault = Fault("status", operation="Pull", subject=short(subscription))
    with emulator.planned(fault), pytest.raises(exceptions.ServiceUnavailable):
        emulator.rig.pull_now(subscription)
    assert emulator.counts(subscription)["delivered"] == 0


def test_a_pull_whose_answer_is_lost_has_leased_the_messages(emulator: Controlled) -> None:
    topic, subscription = pair(emulator)
    emulator.rig.publish(topic, b"x")
    fault = Fault("lost_answer", operation="Pull", subject=short(subscription))
    with emulator.planned(fault), pytest.raises(exceptions.ServiceUnavailable):
        emulator.rig.pull_now(subscription)
    assert emulator.counts(subscription)["outstanding"] == 1


def test_a_subscription_that_cannot_be_created_is_not_there(emulator: Controlled) -> None:
    topic = emulator.rig.topic()
    fault = Fault("status", operation="CreateSubscription", status=13)
    with emulator.planned(fault), pytest.raises(exceptions.InternalServerError):
        emulator.rig.subscription(topic)
    assert list(emulator.rig.publisher.list_topic_subscriptions(topic=topic)) == []
