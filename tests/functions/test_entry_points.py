"""The deployed functions, inside the real functions-framework: what acknowledges, and what asks again."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.process import ROOT
from shared.core.errors import TransientError
from shared.core.events.envelopes import parse_image_event
from shared.pipeline.job import begin
from shared.pipeline.worker import lease
from tests.functions.pushes import AGAIN, CRASHED, MAIN, OK, push, push_body, storage_event
from tests.rig import RESULTS, UPLOADS, WORK, picture
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from tests.rig import Rig


@pytest.mark.parametrize("task", ["caption", "detect", "segment"])
def test_a_worker_does_its_task_and_acknowledges(rig: Rig, client: Any, task: str) -> None:
    event = rig.upload(task=task)

    assert push(client(task), event) == OK

    assert rig.document(event)["status"] == "ok"


def test_a_misconfigured_instance_refuses_to_start_in_words_and_without_a_traceback() -> None:
    argv = [sys.executable, "-m", "functions_framework", "--target", "caption", "--host", "127.0.0.1", "--port", "0"]
    ended = subprocess.run(argv, cwd=ROOT, env={"PATH": "", "RUN": "V 2"}, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "RUN: expected" in ended.stderr
    assert "RESULTS_BUCKET" in ended.stderr
    assert "Traceback" not in ended.stderr


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


@pytest.mark.fault(7)
@pytest.mark.parametrize("data", [b"{", b"[]", b'{"schema": "another.event/9"}', b"\xff\xfe"])
def test_a_malformed_image_event_is_acknowledged_since_no_redelivery_can_mend_it(
    rig: Rig, client: Any, data: bytes
) -> None:
    assert client("caption").post("/", json=push_body(data)).status_code == OK

    assert rig.publisher.messages == {}


@pytest.mark.fault(11)
def test_an_image_event_of_another_version_is_refused_until_it_is_a_dead_letter(rig: Rig, client: Any) -> None:
    event = push_body(b'{"schema": "uplook.image/9"}')

    assert client("caption").post("/", json=event).status_code == CRASHED
    assert client("dead_letter").post("/", json=event).status_code == OK

    assert len(rig.store.list_names("work", "dead/")) == 1


def test_ingest_turns_a_finalized_upload_into_an_image_event_for_each_ask(rig: Rig, client: Any) -> None:
    assert client("ingest").post("/", **storage_event()).status_code == OK

    published = rig.publisher.messages[rig.settings.image_topic]
    assert [message.attributes["task"] for message in published] == ["caption", "segment"]
    assert parse_image_event(published[1].data).tasks == ("segment", "detect")


def test_ingest_reads_the_event_whatever_content_type_an_emulator_gives_it(rig: Rig, client: Any) -> None:
    """The official Pub/Sub emulator pushes bare messages as form data: the body arrives as bytes."""
    request = storage_event()
    request["headers"]["content-type"] = "application/octet-stream"

    assert client("ingest").post("/", **request).status_code == OK

    assert len(rig.publisher.messages[rig.settings.image_topic]) == 2


@pytest.mark.fault(15)
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


def test_forget_removes_what_was_made_of_a_deleted_upload(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    push(client("caption"), event)
    rig.store.delete(UPLOADS, event.source.name)
    deleted = storage_event("deleted", name=event.source.name, generation=str(event.source.generation))

    assert client("forget").post("/", **deleted).status_code == OK

    assert [*rig.store.list_names(RESULTS, ""), *rig.store.list_names(WORK, "")] == []


@pytest.mark.parametrize("kind", ["finalized", "archived", "metadataUpdated"])
def test_forget_acknowledges_other_storage_events_unseen(rig: Rig, client: Any, kind: str) -> None:
    assert client("forget").post("/", **storage_event(kind)).status_code == OK

    assert rig.store.faults.calls == {}


def test_forget_believes_no_event_about_an_object_that_is_still_there(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    push(client("caption"), event)
    forged = storage_event("deleted", name=event.source.name, generation=str(event.source.generation))

    assert client("forget").post("/", **forged).status_code == OK

    assert rig.document(event)["status"] == "ok"


def test_forget_asks_for_the_event_again_while_a_delivery_is_at_work(rig: Rig, client: Any) -> None:
    event = rig.upload(task="caption")
    lease.claim(begin(event, rig.ports), rig.ports)
    rig.store.delete(UPLOADS, event.source.name)
    deleted = storage_event("deleted", name=event.source.name, generation=str(event.source.generation))

    assert client("forget").post("/", **deleted).status_code == AGAIN


def test_dead_letter_records_what_was_delivered_in_vain(rig: Rig, client: Any) -> None:
    event = rig.upload(data=picture(), task="detect")

    assert push(client("dead_letter"), event) == OK

    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"


@pytest.mark.fault(115)
def test_a_misconfigured_instance_refuses_to_start_and_names_every_problem() -> None:
    """In a process of its own: the check runs once, where functions-framework imports the source."""
    import os
    import subprocess
    import sys

    argv = [sys.executable, "-m", "functions_framework", "--source", MAIN, "--target", "caption", "--port", "0"]
    env = {**os.environ, "RESULTS_BUCKET": "results", "WORK_BUCKET": "results", "IMAGE_TOPIC": "image-events"}
    ended = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert ended.returncode != 0
    for problem in (
        "UPLOAD_BUCKETS is not set",
        "RESULTS_BUCKET and WORK_BUCKET are the same",
        "IMAGE_TOPIC: expected",
    ):
        assert problem in ended.stderr
