"""The consumers' client pulls: acknowledged after the handler, delivered again where it raises. Over a real socket."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions

from shared.consumer import subscribe
from shared.core.results import documents
from tests.export_documents import document
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from shared.consumer import ResultEvent
    from tests.contract.pubsub_control import Controlled
    from tests.contract.pubsub_rig import Rig


pytest_plugins = ["tests.contract.pubsub_control_fixtures"]


@pytest.fixture
def rig(emulator: Controlled) -> Rig:
    return emulator.rig


@pytest.fixture
def topic(rig: Rig) -> str:
    return rig.topic()


@pytest.fixture
def subscription(rig: Rig, topic: str) -> str:
    backoff = {"minimum_backoff": {"seconds": 0}, "maximum_backoff": {"seconds": 1}}
    return rig.subscription(topic, retry_policy=backoff)


def acked(emulator: Controlled, subscription: str) -> tuple[int, int]:
    """Return how many messages were acknowledged, and how many are left."""
    counts = emulator.counts(subscription)
    return counts["acked"], counts["backlog"] + counts["outstanding"]


def data(**fields: Any) -> bytes:
    """Return the data of a result event."""
    message = documents.result_event(document([], **fields), uri="gs://results/v1/uploads/cat.jpg/7/segment.json")
    return message.data


def test_every_event_is_handled_and_acknowledged(emulator: Controlled, rig: Rig, topic: str, subscription: str) -> None:
    seen: list[ResultEvent] = []
    rig.publish(topic, data(name="cat.jpg"), data(name="dog.jpg"))

    with subscribe(subscription, seen.append, client=rig.subscriber):
        wait_until(lambda: len(seen) == 2, "events")

    assert {event.source.name for event in seen} == {"cat.jpg", "dog.jpg"}
    assert acked(emulator, subscription) == (2, 0)


def test_an_event_whose_handler_raises_is_delivered_again_and_told(
    emulator: Controlled, topic: str, subscription: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def handler(event: ResultEvent) -> None:
        seen.append(event.id)
        if len(seen) == 1:
            raise RuntimeError("the table is locked")

    emulator.rig.publish(topic, data())
    with caplog.at_level(logging.ERROR), subscribe(subscription, handler, client=emulator.rig.subscriber):
        wait_until(lambda: len(seen) == 2, "the second delivery")

    assert seen[0] == seen[1]
    assert acked(emulator, subscription) == (1, 0)
    assert "will be delivered again" in caplog.text
    assert "the table is locked" in caplog.text


def test_what_this_client_cannot_read_stays_in_the_subscription(
    rig: Rig, topic: str, subscription: str, caplog: pytest.LogCaptureFixture
) -> None:
    future = json.loads(data()) | {"schema": "uplook.result-event/2"}
    seen: list[ResultEvent] = []
    rig.publish(topic, json.dumps(future).encode())
    rig.publish(topic, data())

    with caplog.at_level(logging.ERROR), subscribe(subscription, seen.append, client=rig.subscriber):
        wait_until(lambda: "update this client" in caplog.text and bool(seen), "both events")

    assert json.loads(rig.pull(subscription)[0].message.data)["schema"] == "uplook.result-event/2"


def test_closing_waits_for_the_handlers_at_work(emulator: Controlled, rig: Rig, topic: str, subscription: str) -> None:
    begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []

    def handler(event: ResultEvent) -> None:
        begun.set()
        may_end.wait(WAIT_S)
        done.append(event.id)

    rig.publish(topic, data())
    pulling = subscribe(subscription, handler, client=rig.subscriber)
    assert begun.wait(WAIT_S)
    threading.Timer(0.2, may_end.set).start()
    pulling.close()

    assert len(done) == 1
    assert acked(emulator, subscription) == (1, 0)


def test_a_handler_may_close_the_pull_and_its_event_is_acknowledged(
    emulator: Controlled, rig: Rig, topic: str, subscription: str
) -> None:
    closed = threading.Event()

    def handler(_: ResultEvent) -> None:
        pulling.close()
        closed.set()

    pulling = subscribe(subscription, handler, client=rig.subscriber)
    rig.publish(topic, data())

    assert closed.wait(WAIT_S)
    pulling.wait()
    assert acked(emulator, subscription) == (1, 0)


def test_a_subscription_that_does_not_exist_ends_the_wait(rig: Rig) -> None:
    pulling = subscribe("projects/local-dev/subscriptions/nowhere", print, client=rig.subscriber)

    with pytest.raises(exceptions.NotFound):
        pulling.wait()
