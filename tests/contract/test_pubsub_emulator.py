from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import timestamp_pb2  # type: ignore[import-untyped] # ships no types

from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from tests.contract.pubsub_rig import Rig

pytest_plugins = ["tests.contract.pubsub_fixtures"]


def bodies(received: list[Any]) -> list[bytes]:
    return [each.message.data for each in received]


def test_a_message_arrives_as_it_was_published(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    (message_id,) = pubsub.publish(topic, b"\x00\xff", attributes={"ü": "é", "b": ""})
    (received,) = pubsub.pull(subscription)
    assert received.message.data == b"\x00\xff"
    assert dict(received.message.attributes) == {"ü": "é", "b": ""}
    assert received.message.message_id == message_id
    assert received.message.publish_time.year >= 2026


def test_every_subscription_gets_its_own_copy_from_its_creation_on(pubsub: Rig) -> None:
    topic = pubsub.topic()
    first = pubsub.subscription(topic)
    pubsub.publish(topic, b"before")
    second = pubsub.subscription(topic)
    pubsub.publish(topic, b"after")
    assert sorted(bodies(pubsub.pull(first, 2))) == [b"after", b"before"]
    assert bodies(pubsub.pull(second)) == [b"after"]


def test_a_pull_waits_for_the_first_message(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    later = threading.Timer(0.3, lambda: pubsub.publish(topic, b"late"))
    later.start()
    assert bodies(pubsub.pull_now(subscription, timeout_s=WAIT_S)) == [b"late"]
    later.join()


def test_an_acknowledged_message_is_gone_and_a_refused_one_returns(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"good", b"bad")
    received = {each.message.data: each.ack_id for each in pubsub.pull(subscription, 2)}
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[received[b"good"]])
    pubsub.nack(subscription, received[b"bad"])
    assert bodies(pubsub.pull(subscription)) == [b"bad"]


def test_a_message_returns_when_its_ack_deadline_passes(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"x")
    (first,) = pubsub.pull(subscription)
    pubsub.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[first.ack_id], ack_deadline_seconds=1)
    (second,) = pubsub.pull(subscription)
    assert first.message.message_id == second.message.message_id
    assert first.ack_id != second.ack_id


def test_a_streaming_pull_delivers_everything_once(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    received: list[bytes] = []

    def callback(message: Any) -> None:
        received.append(message.data)
        message.ack()

    stream = pubsub.subscriber.subscribe(subscription, callback)
    expected = [b"%03d" % number for number in range(200)]
    pubsub.publish(topic, *expected)
    wait_until(lambda: len(received) >= 200, "200 messages")
    stream.cancel()
    stream.result(WAIT_S)
    assert sorted(received) == expected


def test_a_stream_is_given_no_more_than_it_asks_for(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *[b"x"] * 10)
    held: list[Any] = []
    control = pubsub_v1.types.FlowControl(max_messages=3)
    stream = pubsub.subscriber.subscribe(subscription, held.append, flow_control=control)
    wait_until(lambda: len(held) >= 3, "3 messages")
    rest = pubsub.pull(subscription, 7)
    stream.cancel()
    stream.result(WAIT_S)
    assert (len(held), len(rest)) == (3, 7)


def test_a_stream_ends_with_its_subscription(pubsub: Rig) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    stream = pubsub.subscriber.subscribe(subscription, lambda message: message.ack())
    pubsub.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        stream.result(WAIT_S)


def test_a_pull_answer_fits_the_receive_limit_of_a_plain_channel(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *[b"x" * 1_500_000] * 4)
    assert len(pubsub.pull(subscription, 4)) == 4


def test_a_stream_answer_fits_the_receive_limit_of_a_plain_channel(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, *[b"x" * 1_500_000] * 4)
    received: list[Any] = []

    def callback(message: Any) -> None:
        message.ack()
        received.append(message)

    stream = pubsub.subscriber.subscribe(subscription, callback)
    wait_until(lambda: len(received) >= 4, "4 messages")
    stream.cancel()
    stream.result(WAIT_S)


def test_a_filter_decides_what_a_subscription_receives(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, filter='attributes.task = "caption" AND NOT attributes:draft')
    pubsub.publish(topic, b"1", attributes={"task": "detect"})
    pubsub.publish(topic, b"2", attributes={"task": "caption", "draft": ""})
    pubsub.publish(topic, b"3", attributes={"task": "caption"})
    assert bodies(pubsub.pull(subscription)) == [b"3"]


def test_order_is_kept_within_a_key_and_a_refused_head_blocks_it(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_message_ordering=True)
    pubsub.publish(topic, b"0", b"1", b"2", ordering_key="k")
    seen: list[bytes] = []

    def callback(message: Any) -> None:
        seen.append(message.data)
        message.nack() if seen == [b"0"] else message.ack()

    stream = pubsub.subscriber.subscribe(subscription, callback)
    wait_until(lambda: seen[-1:] == [b"2"] and seen.count(b"0") == 2, "redelivery")
    stream.cancel()
    stream.result(WAIT_S)
    assert seen[seen.index(b"0", 1) :] == [b"0", b"1", b"2"]


def test_a_dead_letter_says_where_it_came_from(pubsub: Rig) -> None:
    graveyard, topic = pubsub.topic(), pubsub.topic()
    dead = pubsub.subscription(graveyard)
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    subscription = pubsub.subscription(topic, dead_letter_policy=policy)
    pubsub.publish(topic, b"poison", attributes={"task": "caption"})
    attempts = []
    for _ in range(5):
        (received,) = pubsub.pull(subscription)
        attempts.append(received.delivery_attempt)
        pubsub.nack(subscription, received.ack_id)
    (letter,) = pubsub.pull(dead)
    assert attempts == [1, 2, 3, 4, 5]
    assert letter.message.data == b"poison"
    told = dict(letter.message.attributes)
    assert told.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert told == {
        "task": "caption",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": subscription.rsplit("/", 1)[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "local-dev",
    }


def test_no_attempt_is_told_without_a_dead_letter_policy(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"x")
    assert pubsub.pull(subscription)[0].delivery_attempt == 0


def test_a_refused_message_waits_out_the_retry_policy(pubsub: Rig) -> None:
    topic = pubsub.topic()
    policy = {"minimum_backoff": {"seconds": 60}, "maximum_backoff": {"seconds": 60}}
    subscription = pubsub.subscription(topic, retry_policy=policy)
    pubsub.publish(topic, b"x")
    pubsub.nack(subscription, pubsub.pull(subscription)[0].ack_id)
    assert pubsub.pull_now(subscription, timeout_s=2.5) == []


def test_an_ack_id_that_was_given_back_is_refused_under_exactly_once(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    pubsub.publish(topic, b"x")
    (received,) = pubsub.pull(subscription)
    pubsub.nack(subscription, received.ack_id)
    with pytest.raises(exceptions.FailedPrecondition):
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])


def test_exactly_once_acknowledgements_are_confirmed(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, enable_exactly_once_delivery=True)
    confirmed: list[Any] = []
    stream = pubsub.subscriber.subscribe(
        subscription, lambda message: confirmed.append(message.ack_with_response().result(WAIT_S))
    )
    pubsub.publish(topic, b"x")
    wait_until(lambda: bool(confirmed), "confirmation")
    stream.cancel()
    stream.result(WAIT_S)
    assert [status.name for status in confirmed] == ["SUCCESS"]


def test_seeking_back_in_time_replays_what_was_acknowledged(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic, retain_acked_messages=True)
    pubsub.publish(topic, b"x")
    (received,) = pubsub.pull(subscription)
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])
    moment = timestamp_pb2.Timestamp(seconds=int(received.message.publish_time.timestamp()) - 5)
    pubsub.subscriber.seek(request={"subscription": subscription, "time": moment})
    assert bodies(pubsub.pull(subscription)) == [b"x"]


def test_a_snapshot_brings_back_what_was_outstanding_and_what_came_later(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publish(topic, b"1")
    snapshot = subscription.replace("subscriptions", "snapshots")
    pubsub.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    pubsub.publish(topic, b"2")
    ack_ids = [each.ack_id for each in pubsub.pull(subscription, 2)]
    pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
    pubsub.subscriber.seek(request={"subscription": subscription, "snapshot": snapshot})
    assert sorted(bodies(pubsub.pull(subscription, 2))) == [b"1", b"2"]
    pubsub.subscriber.delete_snapshot(snapshot=snapshot)
