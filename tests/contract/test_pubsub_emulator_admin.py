from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.protobuf import field_mask_pb2  # type: ignore[import-untyped] # ships no types
from google.pubsub_v1.types import Encoding, Schema

from tests.contract.pubsub_rig import PROJECT, Rig

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["tests.contract.pubsub_fixtures"]


def test_a_second_create_of_the_same_name_is_refused(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.publisher.create_topic(name=topic)
    with pytest.raises(exceptions.AlreadyExists):
        pubsub.subscriber.create_subscription(name=subscription, topic=topic)


def test_what_does_not_exist_is_not_found(pubsub: Rig) -> None:
    with pytest.raises(exceptions.NotFound):
        pubsub.publish(f"{PROJECT}/topics/nowhere", b"x")
    with pytest.raises(exceptions.NotFound):
        pubsub.subscription(f"{PROJECT}/topics/nowhere")
    with pytest.raises(exceptions.NotFound):
        pubsub.pull_now(f"{PROJECT}/subscriptions/nowhere")


@pytest.mark.parametrize("name", ["topics/1st", "topics/ab", "topics/google", "topics/a b c", "subscriptions/abc"])
def test_a_name_against_the_rules_is_refused(pubsub: Rig, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publisher.create_topic(name=f"{PROJECT}/{name}")


def test_a_filter_that_cannot_be_read_is_refused(pubsub: Rig) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.subscription(pubsub.topic(), filter="attributes.x ==== 3")


@pytest.mark.parametrize(
    ("field", "value"),
    [("filter", "attributes:x"), ("topic", f"{PROJECT}/topics/x"), ("enable_message_ordering", True)],
)
def test_what_was_fixed_at_creation_cannot_be_updated(pubsub: Rig, field: str, value: object) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument):
        update(pubsub, subscription, **{field: value})


def test_an_update_changes_what_the_mask_names_and_nothing_else(pubsub: Rig) -> None:
    subscription = pubsub.subscription(pubsub.topic(), labels={"kept": "yes"}, ack_deadline_seconds=20)
    update(pubsub, subscription, ack_deadline_seconds=42, retry_policy={"minimum_backoff": {"seconds": 3}})
    config = pubsub.subscriber.get_subscription(subscription=subscription)
    assert config.ack_deadline_seconds == 42
    assert config.retry_policy.minimum_backoff.seconds == 3
    assert dict(config.labels) == {"kept": "yes"}


def test_labels_are_replaced_by_an_update(pubsub: Rig) -> None:
    subscription = pubsub.subscription(pubsub.topic(), labels={"a": "1"})
    update(pubsub, subscription, labels={"b": "2"})
    assert dict(pubsub.subscriber.get_subscription(subscription=subscription).labels) == {"b": "2"}


def test_an_update_that_breaks_a_rule_changes_nothing(pubsub: Rig) -> None:
    subscription = pubsub.subscription(pubsub.topic())
    with pytest.raises(exceptions.InvalidArgument):
        update(pubsub, subscription, ack_deadline_seconds=700)
    assert pubsub.subscriber.get_subscription(subscription=subscription).ack_deadline_seconds == 10


def update(pubsub: Rig, subscription: str, **fields: Any) -> None:
    mask = field_mask_pb2.FieldMask(paths=list(fields))
    pubsub.subscriber.update_subscription(
        request={"subscription": {"name": subscription, **fields}, "update_mask": mask}
    )


def test_a_deleted_topic_leaves_its_subscription_marked(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    pubsub.publisher.delete_topic(topic=topic)
    assert pubsub.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"


def test_a_detached_subscription_delivers_nothing_more(pubsub: Rig) -> None:
    topic = pubsub.topic()
    subscription = pubsub.subscription(topic)
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == [subscription]
    pubsub.publisher.detach_subscription(request={"subscription": subscription})
    assert pubsub.subscriber.get_subscription(subscription=subscription).detached
    assert list(pubsub.publisher.list_topic_subscriptions(topic=topic)) == []
    with pytest.raises(exceptions.FailedPrecondition):
        pubsub.pull_now(subscription)


def test_lists_are_complete_over_their_pages(pubsub: Rig) -> None:
    topics = [pubsub.topic() for _ in range(5)]
    listed = pubsub.publisher.list_topics(request={"project": PROJECT, "page_size": 2})
    assert set(topics) <= {each.name for each in listed}


def test_iam_policies_can_be_read_and_written(pubsub: Rig) -> None:
    topic = pubsub.topic()
    binding = {"role": "roles/pubsub.publisher", "members": ["user:a@example.com"]}
    pubsub.publisher.set_iam_policy(request={"resource": topic, "policy": {"bindings": [binding]}})
    policy = pubsub.publisher.get_iam_policy(request={"resource": topic})
    assert [each.role for each in policy.bindings] == ["roles/pubsub.publisher"]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({}, id="empty"),
        pytest.param({"ordering_key": "k"}, id="only-a-key"),
        pytest.param({"data": b"x" * 10_000_001}, id="10-MB"),
        pytest.param({"attributes": {f"k{n}": "" for n in range(101)}}, id="101-attributes"),
        pytest.param({"attributes": {"k" * 257: ""}}, id="long-attribute-key"),
        pytest.param({"attributes": {"": "x"}}, id="empty-attribute-key"),
        pytest.param({"attributes": {"k": "v" * 1025}}, id="long-attribute-value"),
        pytest.param({"data": b"x", "ordering_key": "k" * 1025}, id="long-ordering-key"),
    ],
)
def test_a_message_beyond_the_limits_is_refused(pubsub: Rig, message: dict[str, Any]) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish_messages(topic, [message])


def test_more_than_1000_messages_in_one_request_are_refused(pubsub: Rig) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.InvalidArgument):
        pubsub.publish(topic, *[b"x"] * 1001)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(lambda _: {"ack_deadline_seconds": 9}, id="short-deadline"),
        pytest.param(lambda _: {"ack_deadline_seconds": 601}, id="long-deadline"),
        pytest.param(lambda topic: dead_letters(topic, 4), id="4-attempts"),
        pytest.param(lambda topic: dead_letters(topic, 101), id="101-attempts"),
        pytest.param(lambda _: {"retry_policy": {"maximum_backoff": {"seconds": 601}}}, id="long-backoff"),
        pytest.param(lambda _: {"push_config": {"push_endpoint": "not-a-url"}}, id="no-url"),
        pytest.param(lambda _: {"message_retention_duration": {"seconds": 599}}, id="short-retention"),
    ],
)
def test_a_subscription_beyond_the_limits_is_refused(pubsub: Rig, settings: Callable[[str], dict[str, Any]]) -> None:
    topic = pubsub.topic()
    with pytest.raises(exceptions.BadRequest):
        pubsub.subscription(topic, **settings(topic))


def dead_letters(topic: str, attempts: int) -> dict[str, Any]:
    return {"dead_letter_policy": {"dead_letter_topic": topic, "max_delivery_attempts": attempts}}


def test_a_topic_with_a_schema_takes_only_messages_that_follow_it(pubsub: Rig) -> None:
    topic = bound_topic(pubsub, {"name": "a", "type": "string"}, {"name": "b", "type": ["null", "int"]})
    subscription = pubsub.subscription(topic)
    for broken in (
        b"no json",
        b'{"a": 1, "b": null}',
        b'{"a": "x"}',
        b'{"a": "x", "b": 1}',
        b'{"a": "x", "b": {"int": "1"}}',
    ):
        with pytest.raises(exceptions.InvalidArgument):
            pubsub.publish(topic, broken)
    pubsub.publish(topic, b'{"a": "x", "b": {"int": 1}}')
    (received,) = pubsub.pull(subscription)
    assert received.message.attributes["googclient_schemaencoding"] == "JSON"


def test_a_schema_that_cannot_be_read_is_refused(pubsub: Rig) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        bound_topic(pubsub, {"name": "a", "type": "strange"})


def bound_topic(pubsub: Rig, *fields: dict[str, Any]) -> str:
    definition = json.dumps({"type": "record", "name": "Event", "fields": fields})
    schema = {"type_": Schema.Type.AVRO, "definition": definition}
    short_name = f"schema{next(pubsub.numbers)}"
    made = pubsub.schemas.create_schema(request={"parent": PROJECT, "schema_id": short_name, "schema": schema})
    settings = {"schema": made.name, "encoding": Encoding.JSON}
    name = f"{PROJECT}/topics/{short_name}"
    return str(pubsub.publisher.create_topic(request={"name": name, "schema_settings": settings}).name)
