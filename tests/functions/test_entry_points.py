"""The deployed functions, inside the real functions-framework: what acknowledges, and what asks again."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

from shared import bootstrap
from shared.core.envelopes import format_image_event
from shared.core.errors import TransientError
from shared.core.rules import Choices, Rules
from tests.rig import UPLOADS, Rig, picture

if TYPE_CHECKING:
    from werkzeug.test import Client

    from shared.core.envelopes import ImageEvent

MAIN = str(Path(__file__).resolve().parents[2] / "main.py")
OK, AGAIN, CRASHED = 200, 503, 500


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Memory adapters in place of what bootstrap would build."""
    rig = Rig()
    monkeypatch.setattr(bootstrap, "settings", lambda: rig.settings)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=("caption", "detect", "segment"))))
    monkeypatch.setattr(bootstrap, "publisher", lambda: rig.publisher)
    monkeypatch.setattr(bootstrap, "ports", lambda: rig.ports)
    return rig


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A factory of test clients, one per entry point."""

    def make(target: str) -> Client:
        # The framework writes the last two itself: named here, they are taken back after the test.
        own = {"FUNCTION_TARGET": target, "FUNCTION_SIGNATURE_TYPE": "cloudevent"}
        for name, value in (_ENVIRONMENT | own).items():
            monkeypatch.setenv(name, value)
        application = functions_framework.create_app(target, MAIN, "cloudevent")
        application.testing = False  # a crash is a 500, as deployed
        found: Client = application.test_client()
        return found

    return make


_ENVIRONMENT = {
    "RESULTS_BUCKET": "results",
    "WORK_BUCKET": "work",
    "UPLOAD_BUCKETS": "uploads",
    "IMAGE_TOPIC": "projects/local-dev/topics/image-events",
    "RESULT_TOPIC": "projects/local-dev/topics/image-results",
}


def push_body(data: bytes) -> dict[str, Any]:
    """Return what a Pub/Sub push subscription posts."""
    message = {"data": base64.b64encode(data).decode(), "messageId": "1", "publishTime": "2026-11-21T09:00:00Z"}
    return {"message": message, "subscription": "projects/local-dev/subscriptions/s"}


def push(client: Client, event: ImageEvent) -> int:
    """Post an image event the way a push subscription does; return the status."""
    path = "/projects/local-dev/topics/image-events"
    return client.post(path, json=push_body(format_image_event(event).data)).status_code


def storage_event(kind: str = "finalized", **resource: str) -> dict[str, Any]:
    """Return headers and data of a storage CloudEvent, as an unwrapped push of Eventarc delivers it."""
    data = {"bucket": UPLOADS, "name": "cat.jpg", "generation": "17", "size": "5", "contentType": "image/jpeg"}
    headers = {
        "ce-id": "e1",
        "ce-specversion": "1.0",
        "ce-type": f"google.cloud.storage.object.v1.{kind}",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/uploads",
        "content-type": "application/json",
    }
    return {"headers": headers, "data": json.dumps(data | resource)}


@pytest.mark.parametrize("task", ["caption", "detect", "segment"])
def test_a_worker_does_its_task_and_acknowledges(rig: Rig, client: Any, task: str) -> None:
    event = rig.upload(task=task)

    assert push(client(task), event) == OK

    assert rig.document(event)["status"] == "ok"


def test_a_worker_acknowledges_another_tasks_event_unseen(rig: Rig, client: Any) -> None:
    event = rig.upload(task="segment")

    assert push(client("caption"), event) == OK

    assert rig.model.requests == []
    assert rig.publisher.messages == {}


def test_a_passing_fault_asks_for_the_event_again(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    rig.store.faults.add("read", TransientError("storage is away"))

    assert push(client("caption"), event) == AGAIN


def test_a_bug_crashes_so_that_the_dead_letter_finds_it(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    rig.store.faults.add("read", ZeroDivisionError())

    assert push(client("caption"), event) == CRASHED


def test_a_permanent_fault_is_recorded_and_acknowledged(rig: Rig, client: Any) -> None:
    event = rig.upload(data=b"no picture at all", task="caption")

    assert push(client("caption"), event) == OK

    assert rig.document(event, error=0)["error"]["code"] == "not_an_image"


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"schema": "uplook.image/9"}', b"\xff\xfe"])
def test_a_malformed_image_event_is_acknowledged_since_no_redelivery_can_mend_it(
    rig: Rig, client: Any, data: bytes
) -> None:
    assert client("caption").post("/", json=push_body(data)).status_code == OK

    assert rig.publisher.messages == {}


def test_ingest_turns_a_finalized_upload_into_three_image_events(rig: Rig, client: Any) -> None:
    assert client("ingest").post("/", **storage_event()).status_code == OK

    published = rig.publisher.messages[rig.settings.image_topic]
    assert [message.attributes["task"] for message in published] == ["caption", "detect", "segment"]


def test_ingest_reads_the_event_whatever_content_type_an_emulator_gives_it(rig: Rig, client: Any) -> None:
    """The official Pub/Sub emulator pushes bare messages as form data: the body arrives as bytes."""
    request = storage_event()
    request["headers"]["content-type"] = "application/octet-stream"

    assert client("ingest").post("/", **request).status_code == OK

    assert len(rig.publisher.messages[rig.settings.image_topic]) == 3


@pytest.mark.parametrize("kind", ["deleted", "archived", "metadataUpdated"])
def test_ingest_acknowledges_other_storage_events_unseen(rig: Rig, client: Any, kind: str) -> None:
    assert client("ingest").post("/", **storage_event(kind)).status_code == OK

    assert rig.publisher.messages == {}


def test_ingest_asks_for_the_event_again_where_publishing_fails(rig: Rig, client: Any) -> None:
    rig.publisher.faults.add("publish", TransientError("away"))

    assert client("ingest").post("/", **storage_event()).status_code == AGAIN


def test_the_objects_own_metadata_chooses_its_tasks(rig: Rig, client: Any) -> None:
    request = storage_event()
    request["data"] = json.dumps({**json.loads(request["data"]), "metadata": {"uplook-tasks": "caption"}})

    client("ingest").post("/", **request)

    published = rig.publisher.messages[rig.settings.image_topic]
    assert [message.attributes["task"] for message in published] == ["caption"]


def test_dead_letter_records_what_was_delivered_in_vain(rig: Rig, client: Any) -> None:
    event = rig.upload(data=picture(), task="detect")

    assert push(client("dead_letter"), event) == OK

    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"


def test_a_misconfigured_instance_refuses_to_start_and_names_every_problem() -> None:
    """In a process of its own: the check runs once, where functions-framework imports the source."""
    import os
    import subprocess
    import sys

    argv = [sys.executable, "-m", "functions_framework", "--source", MAIN, "--target", "caption", "--port", "0"]
    env = {**os.environ, "RESULTS_BUCKET": "results", "WORK_BUCKET": "results", "IMAGE_TOPIC": "image-events"}
    ended = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode != 0
    for problem in (
        "UPLOAD_BUCKETS is not set",
        "RESULTS_BUCKET and WORK_BUCKET are the same",
        "IMAGE_TOPIC: expected",
    ):
        assert problem in ended.stderr
