from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import requests
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.emulators import Control, Fault
from tests.contract.storage_rig import rig
from tests.services import free_port, running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.storage_rig import Rig

EVENTS = "projects/local-dev/topics/gcs-uploads"


@dataclass(frozen=True, slots=True)
class Inbox:
    """A topic with one subscription, read by pulling."""

    subscriber: Any
    subscription: str

    def take(self, count: int) -> list[Any]:
        """Return the next `count` messages."""
        found: list[Any] = []

        def complete() -> bool:
            answer = self.subscriber.pull(
                subscription=self.subscription, max_messages=count - len(found), timeout=WAIT_S
            )
            ids = [received.ack_id for received in answer.received_messages]
            if ids:
                self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
            found.extend(received.message for received in answer.received_messages)
            return len(found) >= count

        wait_until(complete, f"{count} messages", seen=lambda: found)
        return found


@contextlib.contextmanager
def pubsub() -> Iterator[tuple[str, Any, Any]]:
    with running("pubsub") as url, grpc.insecure_channel(url.removeprefix("http://")) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        yield url.removeprefix("http://"), publisher, subscriber


def inbox(publisher: Any, subscriber: Any, topic: str) -> Inbox:
    publisher.create_topic(name=topic)
    subscription = topic.replace("/topics/", "/subscriptions/")
    subscriber.create_subscription(name=subscription, topic=topic)
    return Inbox(subscriber, subscription)


@pytest.fixture(scope="module")
def events() -> Iterator[tuple[Rig, Inbox, Inbox]]:
    arguments = ("--bucket", "uploads", "--eventarc", "uploads=gcs-uploads")
    with pubsub() as (target, publisher, subscriber):
        eventarc = inbox(publisher, subscriber, EVENTS)
        notifications = inbox(publisher, subscriber, "projects/local-dev/topics/notes")
        with running("storage", "--pubsub", target, *arguments) as url, rig(url) as storage:
            yield storage, eventarc, notifications


def test_an_upload_is_published_to_eventarcs_topic_as_a_plain_notification(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    blob = storage.client.bucket("uploads").blob('katze "ä" 100%\t.jpg')
    blob.upload_from_string(b"x", content_type="image/jpeg")
    [message] = eventarc.take(1)
    attributes = dict(message.attributes)
    assert attributes.pop("eventTime").endswith("Z")
    assert attributes == {
        "notificationConfig": "projects/_/buckets/uploads/notificationConfigs/1",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": "uploads",
        "objectId": 'katze "ä" 100%\t.jpg',
        "objectGeneration": str(blob.generation),
    }
    assert json.loads(message.data) == blob._properties


def test_each_kind_of_change_has_its_own_event(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    blob = storage.client.bucket("uploads").blob("o")
    blob.upload_from_string(b"1")
    blob.metadata = {"a": "b"}
    blob.patch()
    blob.upload_from_string(b"2")
    blob.delete()
    kinds = [message.attributes["eventType"].removeprefix("OBJECT_") for message in eventarc.take(5)]
    assert sorted(kinds) == ["DELETE", "DELETE", "FINALIZE", "FINALIZE", "METADATA_UPDATE"]


def test_a_replay_is_the_same_object_in_another_message(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    storage.client.bucket("uploads").blob("twice").upload_from_string(b"x")
    which = {"bucket": "uploads", "name": "twice"}
    assert requests.post(f"{storage.url}/_control/events/replay", json=which, timeout=WAIT_S).status_code == 200
    first, second = eventarc.take(2)
    assert first.data == second.data
    assert first.message_id != second.message_id
    missing = {"bucket": "uploads", "name": "none"}
    assert requests.post(f"{storage.url}/_control/events/replay", json=missing, timeout=WAIT_S).status_code == 404


def names(messages: list[Any]) -> list[str]:
    return [json.loads(message.data)["name"] for message in messages]


def test_a_planned_duplicate_is_the_same_event_in_another_message(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    fault = Fault("duplicate", operation="event.finalize", subject="uploads/thrice", body=2)
    with Control(storage.url).planned(fault):
        storage.client.bucket("uploads").blob("thrice").upload_from_string(b"x")
        copies = eventarc.take(3)
    assert len({message.data for message in copies}) == 1
    assert len({message.message_id for message in copies}) == 3


def test_a_reordered_event_comes_after_the_next_one(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    with Control(storage.url).planned(Fault("reorder", subject="uploads/first", seconds=WAIT_S)):
        storage.client.bucket("uploads").blob("first").upload_from_string(b"x")
        storage.client.bucket("uploads").blob("second").upload_from_string(b"x")
        assert names(eventarc.take(2)) == ["second", "first"]


def test_a_reordered_event_that_none_follows_comes_all_the_same(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    with Control(storage.url).planned(Fault("reorder", seconds=0.2)):
        storage.client.bucket("uploads").blob("last").upload_from_string(b"x")
        assert names(eventarc.take(1)) == ["last"]


def test_a_delayed_event_is_overtaken_and_comes_later(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    with Control(storage.url).planned(Fault("delay", subject="uploads/late", seconds=1)):
        storage.client.bucket("uploads").blob("late").upload_from_string(b"x")
        storage.client.bucket("uploads").blob("timely").upload_from_string(b"x")
        assert names(eventarc.take(1)) == ["timely"]
        assert names(eventarc.take(1)) == ["late"]


def test_rules_for_requests_leave_events_alone(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, eventarc, _ = events
    control = Control(storage.url)
    with control.planned(Fault("duplicate")):
        control.add(Fault("status", operation="event.*"))
        storage.client.bucket("uploads").blob("o").upload_from_string(b"x")
        assert [rule["hits"] for rule in control.faults()] == [1, 0]
        control.clear()
    assert names(eventarc.take(2)) == ["o", "o"]


def test_a_notification_tells_what_its_configuration_asks_for(events: tuple[Rig, Inbox, Inbox]) -> None:
    storage, _, notifications = events
    config = storage.bucket.notification(
        topic_name="notes",
        topic_project="local-dev",
        event_types=["OBJECT_FINALIZE"],
        blob_name_prefix="in/",
        custom_attributes={"team": "a"},
    )
    config.create()
    assert [listed.notification_id for listed in storage.bucket.list_notifications()] == [config.notification_id]
    storage.bucket.blob("out/1").upload_from_string(b"x")
    blob = storage.bucket.blob("in/1")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2")
    before, after = sorted(notifications.take(2), key=lambda message: message.attributes["objectGeneration"])
    assert after.attributes.pop("eventTime").endswith("Z")
    assert dict(after.attributes) == {
        "team": "a",
        "notificationConfig": (
            f"projects/_/buckets/{storage.bucket.name}/notificationConfigs/{config.notification_id}"
        ),
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "NONE",
        "bucketId": storage.bucket.name,
        "objectId": "in/1",
        "objectGeneration": str(blob.generation),
        "overwroteGeneration": str(first),
    }
    assert (after.data, before.attributes["objectGeneration"]) == (b"", str(first))
    config.delete()
    assert not list(storage.bucket.list_notifications())


def test_an_event_waits_for_a_topic_that_is_late() -> None:
    with pubsub() as (target, publisher, subscriber):
        arguments = ("--pubsub", target, "--bucket", "uploads", "--eventarc", f"uploads={EVENTS}")
        with running("storage", *arguments) as url, rig(url) as storage:
            storage.client.bucket("uploads").blob("early").upload_from_string(b"x")
            late = inbox(publisher, subscriber, EVENTS)
            [message] = late.take(1)
    assert message.attributes["objectId"] == "early"


def test_uploads_do_not_wait_for_a_pubsub_that_is_gone() -> None:
    arguments = ("--pubsub", f"127.0.0.1:{free_port()}", "--bucket", "uploads", "--eventarc", "uploads=topic")
    with running("storage", *arguments) as url, rig(url) as storage:
        storage.client.bucket("uploads").blob("o").upload_from_string(b"x", timeout=WAIT_S, retry=None)
        assert storage.client.bucket("uploads").blob("o").exists()
