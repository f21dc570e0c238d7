from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest

from tests.contract.pubsub_rig import Rig, endpoint
from tests.services import free_port
from tests.waiting import WAIT_S, wait_until

pytest_plugins = ["tests.contract.pubsub_fixtures"]

QUICK_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"nanos": 100_000_000}}


def push_to(url: str, **settings: Any) -> dict[str, Any]:
    return {"push_config": {"push_endpoint": url, **settings}}


def test_a_wrapped_push_is_the_documented_json(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with endpoint() as here:
        subscription = pubsub.subscription(topic, **push_to(here.url))
        (message_id,) = pubsub.publish(topic, b"\x00\xff", attributes={"task": "caption"})
        (pushed,) = here.wait_for(1)
    document = json.loads(pushed.body)
    published = document["message"].pop("publishTime")
    assert pushed.headers["content-type"] == "application/json"
    assert published.endswith("Z")
    assert document == {
        "message": {
            "attributes": {"task": "caption"},
            "data": "AP8=",
            "messageId": message_id,
            "message_id": message_id,
            "publish_time": published,
        },
        "subscription": subscription,
    }


def test_a_push_of_nothing_but_attributes_says_nothing_of_data(pubsub: Rig) -> None:
    """The service leaves empty fields out; Google's emulator was seen to write an empty text."""
    topic = pubsub.topic()
    with endpoint() as here:
        pubsub.subscription(topic, **push_to(here.url))
        pubsub.publish_messages(topic, [{"attributes": {"a": "b"}}])
        (pushed,) = here.wait_for(1)
    assert not json.loads(pushed.body)["message"].get("data")


def test_an_ordering_key_is_told(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with endpoint() as here:
        pubsub.subscription(topic, **push_to(here.url), enable_message_ordering=True)
        pubsub.publish(topic, b"x", ordering_key="k")
        (pushed,) = here.wait_for(1)
    assert json.loads(pushed.body)["message"]["orderingKey"] == "k"


def test_an_unwrapped_push_is_the_data_alone(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with endpoint() as here:
        pubsub.subscription(topic, **push_to(here.url, no_wrapper={}))
        pubsub.publish(topic, b'{"a": 1}', attributes={"ce-id": "7"})
        (pushed,) = here.wait_for(1)
    assert pushed.body == b'{"a": 1}'
    assert "ce-id" not in pushed.headers


def test_metadata_and_attributes_of_an_unwrapped_push_are_headers(pubsub: Rig) -> None:
    topic = pubsub.topic()
    attributes = {"ce-id": "7", "ce-type": "a.b", "Content-Type": "application/json"}
    with endpoint() as here:
        subscription = pubsub.subscription(topic, **push_to(here.url, no_wrapper={"write_metadata": True}))
        (message_id,) = pubsub.publish(topic, b"{}", attributes=attributes)
        (pushed,) = here.wait_for(1)
    assert pushed.headers["x-goog-pubsub-subscription-name"] == subscription
    assert pushed.headers["x-goog-pubsub-message-id"] == message_id
    assert pushed.headers["x-goog-pubsub-publish-time"].endswith("Z")
    assert pushed.headers["ce-id"] == "7"
    assert pushed.headers["ce-type"] == "a.b"
    assert pushed.headers["content-type"] == "application/json"


def test_attributes_that_no_header_may_hold_do_not_stop_the_push(pubsub: Rig) -> None:
    topic = pubsub.topic()
    attributes = {"a b": "x", "content-length": "99", "split": "a\r\nx: y", "ce-subject": "objects/ü.jpg"}
    with endpoint() as here:
        pubsub.subscription(topic, **push_to(here.url, no_wrapper={"write_metadata": True}))
        pubsub.publish(topic, b"body", attributes=attributes)
        (pushed,) = here.wait_for(1)
    assert pushed.body == b"body"
    assert pushed.headers["ce-subject"] == "objects/%C3%BC.jpg"
    assert "x" not in pushed.headers


def test_a_push_with_an_identity_carries_a_bearer_token(pubsub: Rig) -> None:
    topic = pubsub.topic()
    identity = {"service_account_email": "push@local-dev.iam.gserviceaccount.com", "audience": "worker"}
    with endpoint() as here:
        pubsub.subscription(topic, **push_to(here.url, oidc_token=identity))
        pubsub.publish(topic, b"x")
        (pushed,) = here.wait_for(1)
    claims = pushed.headers["authorization"].removeprefix("Bearer ").split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"] == "worker"


@pytest.mark.parametrize("status", [102, 200, 201, 202, 204])
def test_an_acknowledging_answer_lets_the_next_message_of_the_key_pass(pubsub: Rig, status: int) -> None:
    assert _pushes_of_two_ordered_messages(pubsub, status) == [b"1", b"2"]


@pytest.mark.parametrize("status", [203, 302, 400, 404, 429, 500, 503])
def test_any_other_answer_asks_for_another_delivery(pubsub: Rig, status: int) -> None:
    assert _pushes_of_two_ordered_messages(pubsub, status) == [b"1", b"1", b"2"]


def _pushes_of_two_ordered_messages(pubsub: Rig, first_status: int) -> list[bytes]:
    # Ordering makes "was it acknowledged" visible without waiting for a redelivery that should not come.
    topic = pubsub.topic()
    with endpoint(lambda number: first_status if number == 1 else 204) as here:
        pubsub.subscription(topic, **push_to(here.url), enable_message_ordering=True, retry_policy=QUICK_RETRY)
        pubsub.publish(topic, b"1", b"2", ordering_key="k")
        wait_until(lambda: any(_data(pushed.body) == b"2" for pushed in here.received), "second message")
        return [_data(pushed.body) for pushed in here.received]


def _data(body: bytes) -> bytes:
    return base64.b64decode(json.loads(body)["message"]["data"])


def test_a_failing_push_is_a_dead_letter_after_exactly_its_attempts(pubsub: Rig) -> None:
    graveyard, topic = pubsub.topic(), pubsub.topic()
    dead = pubsub.subscription(graveyard)
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    with endpoint(lambda _: 500) as here:
        pubsub.subscription(topic, **push_to(here.url), dead_letter_policy=policy, retry_policy=QUICK_RETRY)
        pubsub.publish(topic, b"poison")
        (letter,) = pubsub.pull(dead)
    assert letter.message.data == b"poison"
    assert letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert len(here.received) == 5


def test_the_attempt_is_told_where_there_is_a_dead_letter_policy(pubsub: Rig) -> None:
    topic = pubsub.topic()
    policy = {"dead_letter_topic": pubsub.topic(), "max_delivery_attempts": 5}
    with endpoint(lambda number: 500 if number < 3 else 204) as here:
        pubsub.subscription(topic, **push_to(here.url), dead_letter_policy=policy, retry_policy=QUICK_RETRY)
        pubsub.publish(topic, b"x")
        pushes = here.wait_for(3)
    assert [json.loads(pushed.body).get("deliveryAttempt") for pushed in pushes] == [1, 2, 3]


def test_an_endpoint_that_comes_up_late_gets_the_message(pubsub: Rig) -> None:
    topic, port = pubsub.topic(), free_port()
    pubsub.subscription(topic, **push_to(f"http://127.0.0.1:{port}/push"), retry_policy=QUICK_RETRY)
    pubsub.publish(topic, b"x")
    with endpoint(port=port) as here:
        assert _data(here.wait_for(1)[0].body) == b"x"


def test_a_push_beyond_the_ack_deadline_is_delivered_again_beside_the_first(pubsub: Rig) -> None:
    topic, second_is_here = pubsub.topic(), threading.Event()

    def answer(number: int) -> int:
        if number == 1:
            assert second_is_here.wait(WAIT_S)
        second_is_here.set()
        return 204

    with endpoint(answer) as here:
        pubsub.subscription(topic, **push_to(here.url), ack_deadline_seconds=10, retry_policy=QUICK_RETRY)
        pubsub.publish(topic, b"x")
        assert len(here.wait_for(2)) == 2


def test_push_can_be_turned_off_and_on(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with endpoint() as here:
        subscription = pubsub.subscription(topic, **push_to(here.url))
        pubsub.subscriber.modify_push_config(subscription=subscription, push_config={})
        pubsub.publish(topic, b"pulled")
        (received,) = pubsub.pull(subscription)
        pubsub.subscriber.acknowledge(subscription=subscription, ack_ids=[received.ack_id])
        pubsub.subscriber.modify_push_config(subscription=subscription, push_config={"push_endpoint": here.url})
        pubsub.publish(topic, b"pushed")
        assert _data(here.wait_for(1)[0].body) == b"pushed"


def test_a_deleted_subscription_pushes_no_more(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with endpoint() as deleted, endpoint() as kept:
        subscription = pubsub.subscription(topic, **push_to(deleted.url))
        pubsub.subscription(topic, **push_to(kept.url))
        pubsub.subscriber.delete_subscription(subscription=subscription)
        pubsub.publish(topic, b"x")
        kept.wait_for(1)
        assert deleted.received == []


def test_many_pushes_of_one_subscription_are_in_flight_together(pubsub: Rig) -> None:
    topic, everyone = pubsub.topic(), threading.Barrier(40, timeout=WAIT_S)
    with endpoint(lambda _: 204 if everyone.wait() >= 0 else 500) as here:
        pubsub.subscription(topic, **push_to(here.url), ack_deadline_seconds=60)
        pubsub.publish(topic, *[b"x"] * 40)
        here.wait_for(40)
        assert not everyone.broken
