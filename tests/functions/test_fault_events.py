"""Hostile and repeated events at the edge, as Pub/Sub and Eventarc would deliver them."""

from __future__ import annotations

import base64
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.memory import ManualClock
from shared.core.events.envelopes import format_image_event, parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.pipeline.upkeep.redrive import redrive_dead_letter
from shared.pipeline.worker import lease
from tests.functions.pushes import CRASHED, OK, push, push_body, storage_event
from tests.rig import WITHOUT_PAYLOAD, Rig, picture

if TYPE_CHECKING:
    from shared.core.values import Source

TASKS = ("caption", "detect", "segment")
COPIES = 100
DEEP = b"[" * 100_000
BAD_REQUEST = 400


def _tell_ingest(client: Any, source: Source, **headers: str) -> None:
    request = storage_event(name=source.name, generation=str(source.generation), size=str(source.size))
    request["headers"] |= headers
    assert client("ingest").post("/", **request).status_code == OK


@pytest.mark.fault(2)
def test_an_upload_that_is_told_twice_under_different_ids_is_worked_on_once(rig: Rig, client: Any) -> None:
    source = rig.upload().source
    _tell_ingest(client, source, **{"ce-id": "e1"})
    _tell_ingest(client, source, **{"ce-id": "e2"})
    events = [parse_image_event(message.data) for message in rig.publisher.messages[rig.settings.image_topic]]
    assert [event.tasks for event in events] == 2 * [("caption",), ("segment", "detect")]

    for event in events:
        assert push(client(event.task), event) == OK

    assert len(rig.model.requests) == 2
    assert len({told["id"] for told in rig.result_events()}) == len(TASKS)
    assert len(rig.result_events()) == 2 * len(TASKS)


class _RealClock(ManualClock):
    """The rig's clock, as it runs in a function: deliveries wait for each other in real time."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.mark.fault(3, 4)
def test_a_hundred_copies_of_each_event_at_once_and_in_any_order_are_one_call_each(
    monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    rig = Rig(clock=_RealClock())
    monkeypatch.setattr(lease, "LEASE_WAIT_S", rig.settings.timeout_s)  # a slow machine is no reason to send any back
    monkeypatch.setattr("shared.bootstrap.settings", lambda: rig.settings)
    monkeypatch.setattr("shared.bootstrap.worker_ports", lambda: rig.ports)
    upload = rig.upload(data=picture())
    events = [rig.event_of(upload.source, task) for task in TASKS] * COPIES
    random.Random(4).shuffle(events)
    clients = {task: client(task) for task in TASKS}

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda event: push(clients[event.task], event), events))

    assert answers == [OK] * len(events)
    assert len(rig.model.requests) == len(TASKS)
    assert [rig.document(rig.event_of(upload.source, task))["status"] for task in TASKS] == ["ok"] * len(TASKS)
    assert len(rig.result_events()) == len(events)
    assert len({told["id"] for told in rig.result_events()}) == len(TASKS)


@pytest.mark.fault(7, 10)
@pytest.mark.parametrize("target", ["caption", "ingest"])
@pytest.mark.parametrize("data", [b"{", b"", b"\xff\xfe", b"null", b"[1]", DEEP, b'{"a":' * 100_000, b"1" * 5000])
def test_a_message_that_holds_no_event_is_acknowledged_and_logged(
    rig: Rig, client: Any, *, target: str, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    body = push_body(data)
    body["message"]["attributes"] = {"eventType": "OBJECT_FINALIZE"}

    assert client(target).post("/", json=body).status_code == OK

    assert rig.publisher.messages == {}
    assert [record.levelname for record in caplog.records if "malformed" in record.getMessage()] == ["ERROR"]


@pytest.mark.fault(8)
@pytest.mark.parametrize("data", ["@@@@", "YQ", "ä", "YQ==YQ=="])
def test_a_message_whose_data_are_no_base64_is_acknowledged(rig: Rig, client: Any, data: str) -> None:
    body = push_body(b"")
    body["message"]["data"] = data

    assert client("caption").post("/", json=body).status_code == OK

    assert rig.publisher.messages == {}


@pytest.mark.fault(9)
def test_a_message_without_attributes_is_done_by_its_data(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")

    assert push(client("caption"), event) == OK  # this body names none

    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(9)
@pytest.mark.parametrize("data", ["", 5, None, {}])
def test_a_message_without_text_as_its_data_is_acknowledged(rig: Rig, client: Any, data: Any) -> None:
    body = push_body(b"")
    body["message"]["data"] = data

    assert client("caption").post("/", json=body).status_code == OK

    assert rig.publisher.messages == {}


@pytest.mark.fault(7, 9)
@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[]", b"{}", b'{"message": null}', b'{"message": {}}'])
def test_what_is_no_push_at_all_never_reaches_the_function(rig: Rig, client: Any, body: bytes) -> None:
    answer = client("caption").post("/", data=body, headers={"content-type": "application/json"})

    assert answer.status_code in {BAD_REQUEST, CRASHED}
    assert rig.store.faults.calls == {}


@pytest.mark.fault(7, 10)
@pytest.mark.parametrize(
    ("data", "answer"), [(b"{", OK), (b"", OK), (b"[]", OK), (b"\xff\xfe", OK), (DEEP, CRASHED)], ids=repr
)
def test_a_cloud_event_without_an_object_is_acknowledged_or_becomes_a_dead_letter(
    rig: Rig, client: Any, data: bytes, answer: int
) -> None:
    request = storage_event() | {"data": data}

    assert client("ingest").post("/", **request).status_code == answer
    assert client("ingest").post("/", **storage_event()).status_code == OK  # it survived

    assert len(rig.publisher.messages[rig.settings.image_topic]) == 2


@pytest.mark.fault(14)
def test_where_attributes_contradict_the_data_the_data_decide(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    body = push_body(format_image_event(event).data)
    body["message"]["attributes"] = {"task": "segment", "bucket": "somewhere-else", "run": "v9"}

    assert client("segment").post("/", json=body).status_code == OK
    assert rig.model.requests == []
    assert client("caption").post("/", json=body).status_code == OK
    assert rig.document(event)["status"] == "ok"


@pytest.mark.fault(14)
def test_a_notification_is_believed_by_its_data_and_not_by_its_attributes(rig: Rig, client: Any) -> None:
    data = storage_event()["data"].encode()
    attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": "uploads", "objectId": "../../../config.json"}
    message = {"data": base64.b64encode(data).decode(), "messageId": "1", "attributes": attributes}

    answer = client("ingest").post("/", json={"message": message, "subscription": "projects/p/subscriptions/s"})

    assert answer.status_code == OK
    published = [json.loads(message.data) for message in rig.publisher.messages[rig.settings.image_topic]]
    assert {event["source"]["name"] for event in published} == {"cat.jpg"}


@pytest.mark.fault(116)
def test_an_event_of_a_task_that_was_removed_is_nobodys_and_ends_as_a_dead_letter(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    data = json.loads(format_image_event(event).data) | {"task": "paint"}
    body = push_body(json.dumps(data).encode())

    for task in TASKS:
        assert client(task).post("/", json=body).status_code == OK
    assert client("dead_letter").post("/", json=body).status_code == OK

    assert rig.model.requests == []
    (told,) = rig.result_events()
    assert (told["task"], told["status"], told["error"]) == ("paint", "failed", "dead_letter")


TOPIC = "/projects/local-dev/topics/image-events"
EMPTY = ((), ("data",), ("attributes",), ("data", "attributes", "publishTime"))


@pytest.mark.fault(9, 124)
@pytest.mark.parametrize("path", ["/", TOPIC])
@pytest.mark.parametrize("missing", EMPTY)
@pytest.mark.parametrize("target", ["caption", "ingest", "dead_letter", "release", "forget"])
def test_whatever_pubsub_leaves_out_no_function_refuses_the_push_for_ever(
    rig: Rig, client: Any, *, target: str, missing: tuple[str, ...], path: str
) -> None:
    body = push_body(b"tick") | {"deliveryAttempt": 1}
    body["message"] |= {"attributes": {"a": "b"}, "message_id": "1"}
    for key in missing:
        del body["message"][key]

    assert client(target).post(path, json=body).status_code == OK

    assert len(rig.store.list_names("work", "dead/")) == (target == "dead_letter")


@pytest.mark.fault(124)
@pytest.mark.parametrize("data", [{}, {"data": ""}])
def test_a_notification_without_payload_is_planned(rig: Rig, client: Any, data: dict[str, str]) -> None:
    message = {**data, "messageId": "1", "attributes": WITHOUT_PAYLOAD}

    answer = client("ingest").post("/", json={"message": message, "subscription": "projects/p/subscriptions/s"})

    assert answer.status_code == OK
    published = [json.loads(message.data)["source"] for message in rig.publisher.messages[rig.settings.image_topic]]
    assert {(source["name"], source["generation"], source["size"]) for source in published} == {("cat.jpg", "17", None)}


@pytest.mark.fault(125)
@pytest.mark.parametrize("payload", ["JSON_API_V1", "NONE"])
@pytest.mark.parametrize(("event_type", "function"), [("OBJECT_FINALIZE", "ingest"), ("OBJECT_DELETE", "forget")])
def test_a_dead_letter_of_eventarc_is_redriven_by_its_function(
    rig: Rig, client: Any, *, event_type: str, function: str, payload: str
) -> None:
    event = rig.upload("cat.jpg", task="caption")
    assert push(client("caption"), event) == OK
    source = {"bucket": "uploads", "name": "cat.jpg", "generation": str(event.source.generation), "size": "5"}
    attributes = WITHOUT_PAYLOAD | {
        "eventType": event_type,
        "payloadFormat": payload,
        "objectGeneration": source["generation"],
        "CloudPubSubDeadLetterSourceSubscription": f"eventarc-us-central1-uplook-{function}-123-sub-456",
    }
    message: dict[str, Any] = {"messageId": "1", "attributes": attributes}
    if payload != "NONE":
        message["data"] = base64.b64encode(json.dumps(source).encode()).decode()
    body = {"message": message, "subscription": "projects/p/subscriptions/dead-letter"}
    assert client("dead_letter").post("/projects/p/topics/image-dead", json=body).status_code == OK
    (name,) = rig.store.list_names("work", "dead/")
    rig.store.delete("uploads", "cat.jpg")

    redriven = redrive_dead_letter(name, rig.ports, rules=Rules(Choices(tasks=("caption",))))

    assert (redriven.task, redriven.left) == (function, None)
    assert rig.store.list_names("work", "dead/") == []
    assert (rig.store.list_names("results", "") == []) is (function == "forget")
    assert (rig.settings.image_topic in rig.publisher.messages) is (function == "ingest")
