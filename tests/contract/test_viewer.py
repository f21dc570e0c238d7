"""The viewer as a browser meets it: over sockets, with both emulators behind it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import requests
from google.api_core.exceptions import NotFound

from infra.local import resources, topology
from infra.local.process import Process, service_argv
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import format_image_event
from shared.core.naming import paths
from shared.core.results import documents
from shared.pipeline.worker.park import PARKED_CODE
from tests.contract.viewer_rig import (
    BYTES,
    DEADLINE_S,
    Stack,
    commit,
    environment,
    image,
    image_event,
    images,
    next_of,
    page,
    upload,
)
from tests.services import START_TIMEOUT_S
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.contract.viewer_fixtures"]

NAME = "Käffchen #1 100% ☕ a b+c?&=.png"


def test_an_upload_lands_in_the_bucket_under_exactly_its_name(stack: Stack) -> None:
    answer = upload(stack, NAME, headers={"Content-Type": "image/png"})
    assert answer.status_code == 201
    blob = stack.bucket("uploads").get_blob(NAME)
    assert (blob.download_as_bytes(), blob.content_type) == (BYTES, "image/png")
    assert answer.json()["generation"] == str(blob.generation)


def test_an_uploaded_object_comes_back_through_the_url_on_its_card(stack: Stack) -> None:
    card = upload(stack, f"folder/../{NAME}", headers={"Content-Type": "image/png"}).json()
    answer = stack.ask(card["original"])
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, BYTES, "image/png")


def test_a_question_beside_an_upload_travels_in_its_metadata(stack: Stack) -> None:
    answer = requests.post(
        f"{stack.viewer}/api/uploads",
        params={"name": "asked.png", "question": " Wie spät ist es? "},
        data=BYTES,
        timeout=DEADLINE_S,
    )
    assert answer.status_code == 201
    assert stack.bucket("uploads").get_blob("asked.png").metadata == {"uplook-question": "Wie spät ist es?"}


def test_a_question_that_no_metadata_can_hold_is_refused(stack: Stack) -> None:
    params = {"name": "asked.png", "question": "?" * 2001}
    answer = requests.post(f"{stack.viewer}/api/uploads", params=params, data=BYTES, timeout=DEADLINE_S)
    assert (answer.status_code, "at most 2000 characters" in answer.json()["error"]) == (400, True)


def test_an_upload_is_known_at_once_and_every_open_page_is_told(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        upload(stack, "seen.png")
        next_of(events, "changed")
        assert image(stack, "seen.png")["state"] == "unplanned"


def test_an_image_event_reaches_an_open_page(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_EVENTS, format_image_event(image_event("planned.png", 7)).data)
        assert next_of(events, "log", name="planned.png")["task"] == "caption"
        assert image(stack, "planned.png")["state"] == "waiting"


def test_a_result_event_reaches_an_open_page_and_its_document_is_read(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "live.png", 8))
        entry = next_of(events, "log", name="live.png")
        assert (entry["kind"], entry["status"], entry["details"]["said"]) == (
            "announced",
            "failed",
            "it went wrong and was given up: Broken.",
        )
        (task,) = image(stack, "live.png")["tasks"]
        assert (task["status"], task["reason"]) == ("failed", "Broken.")


def test_a_page_that_is_loaded_anew_knows_what_is_stored_and_what_has_happened(stack: Stack) -> None:
    commit(stack, "stored.png", 9)
    with page(stack) as events:
        next_of(events, "ready")
    assert image(stack, "stored.png")["state"] == "failed"
    stack.publish(topology.IMAGE_EVENTS, format_image_event(image_event("past.png", 7)).data)
    wait_until(lambda: image(stack, "past.png"), "an image event")
    with page(stack) as events:
        told = next(data for kind, data in events if kind == "history")
    assert [(each["kind"], each["task"]) for each in told if each["name"] == "past.png"] == [("planned", "caption")]


def test_every_upload_is_listed_however_many_there_are(stack: Stack) -> None:
    bucket = stack.bucket("uploads")
    for number in range(230):
        bucket.blob(f"many/{number:03}.png").upload_from_string(BYTES)
    with page(stack) as events:
        next_of(events, "ready")
    found = images(stack, q="many/", offset=200, limit=120)
    assert (found["matched"], len(found["images"])) == (230, 30)


def test_a_lease_tells_a_viewer_that_heard_nothing_that_a_task_is_planned(stack: Stack) -> None:
    event = image_event("leased.png", 12)
    stack.bucket("work").blob(paths(event.source, run=event.run, task=event.task).lease).upload_from_string(b"{}")
    with page(stack) as events:
        next_of(events, "ready")
    assert image(stack, "leased.png")["state"] == "waiting"


def test_what_was_deleted_is_gone_for_the_next_page(stack: Stack) -> None:
    upload(stack, "deleted.png")
    stack.bucket("uploads").delete_blob("deleted.png")
    with page(stack) as events:
        next_of(events, "ready")
    assert images(stack, q="deleted.png")["matched"] == 0


def test_a_window_that_makes_no_sense_is_refused_in_words(stack: Stack) -> None:
    answer = requests.get(f"{stack.viewer}/api/images", params={"state": "odd"}, timeout=DEADLINE_S)
    assert (answer.status_code, "Expected one of failed" in answer.json()["error"]) == (400, True)


def test_pages_of_images_are_compressed(stack: Stack) -> None:
    upload(stack, "compressed.png")
    assert stack.ask("/api/images").headers["content-encoding"] is None
    answer = requests.get(f"{stack.viewer}/api/images", timeout=DEADLINE_S)
    assert answer.headers["content-encoding"] == "gzip"


def test_an_image_tells_its_story(stack: Stack) -> None:
    made = upload(stack, "told.png").json()
    event = image_event("told.png", int(made["generation"]))
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_EVENTS, format_image_event(event).data)
        next_of(events, "log", name="told.png")
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "told.png", event.source.generation))
        next_of(events, "log", name="told.png", kind="announced")
    told = requests.get(
        f"{stack.viewer}/api/story", params={"key": image(stack, "told.png")["key"]}, timeout=DEADLINE_S
    )
    kinds = [each["kind"] for each in told.json()]
    assert sorted(kinds) == ["announced", "failed", "planned", "uploaded"]
    assert kinds.index("planned") < kinds.index("announced")


def act(stack: Stack, action: str, name: str) -> requests.Response:
    body = {"action": action, "key": image(stack, name)["key"]}
    return requests.post(f"{stack.viewer}/api/actions", json=body, timeout=DEADLINE_S)


def test_run_again_plans_all_tasks_in_a_new_run(stack: Stack) -> None:
    upload(stack, "again.png")
    with page(stack) as events:
        next_of(events, "ready")
        assert act(stack, "again", "again.png").json() == {"said": "Its tasks are planned again, in the run again-1."}
        assert next_of(events, "log", name="again.png", kind="planned")["run"] == "again-1"


def test_a_failure_is_redriven(stack: Stack) -> None:
    made = upload(stack, "redriven.png").json()
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "redriven.png", int(made["generation"])))
        next_of(events, "log", name="redriven.png", kind="announced")
        answer = act(stack, "redrive", "redriven.png")
        assert answer.json() == {"said": "Redriven: caption."}
        assert "redrive 1" in next_of(events, "log", name="redriven.png", kind="planned")["text"]


def test_an_upload_is_deleted(stack: Stack) -> None:
    upload(stack, "to delete.png")
    assert act(stack, "delete", "to delete.png").status_code == 200
    assert stack.bucket("uploads").get_blob("to delete.png") is None


@pytest.mark.parametrize(("action", "status"), [("redrive", 409), ("dance", 400)])
def test_what_cannot_be_done_is_refused_in_words(stack: Stack, action: str, status: int) -> None:
    upload(stack, "still here.png")
    answer = act(stack, action, "still here.png")
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_a_result_is_taken_away_with_all_its_files(stack: Stack) -> None:
    commit(stack, "taken.png", 14)
    with page(stack) as events:
        next_of(events, "ready")
    params = {"key": image(stack, "taken.png")["key"]}
    answer = requests.get(f"{stack.viewer}/api/archive", params=params, timeout=DEADLINE_S)
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["caption.json"]
    assert answer.headers["content-disposition"] == 'attachment; filename="taken.zip"'
    coco = requests.get(f"{stack.viewer}/api/coco", params=params, timeout=DEADLINE_S).json()
    assert coco["annotations"] == []


def test_an_event_that_cannot_be_read_is_reported_and_the_next_one_shown(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_RESULTS, b"not JSON")
        assert "result event could not be shown" in next_of(events, "problem")["message"]
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "after.png", 10))
        next_of(events, "log", name="after.png", kind="announced")


def test_a_healthy_stack_sends_heartbeats_without_trouble(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        assert next_of(events, "heartbeat") == {"trouble": [], "unread": 0}


def test_a_preview_of_what_is_no_picture_says_why(stack: Stack) -> None:
    card = upload(stack, "fake.png", b"just text").json()
    answer = requests.get(f"{stack.viewer}{card['preview']}", timeout=DEADLINE_S)
    assert (answer.status_code, "plain text" in answer.json()["error"]) == (415, True)


def test_a_preview_that_is_not_there_says_why_in_an_answer_that_is_no_error(stack: Stack) -> None:
    card = upload(stack, "fake again.png", b"just text").json()
    answer = requests.get(f"{stack.viewer}{card['preview']}&why=1", timeout=DEADLINE_S)
    assert (answer.status_code, "plain text" in answer.json()["error"]) == (200, True)


def test_a_parked_task_keeps_its_reason_when_the_page_is_loaded_anew(stack: Stack) -> None:
    event = image_event("parked.png", 11)
    held = paths(event.source, run=event.run, task=event.task).parked("2026-11-22T08")
    blob = stack.bucket("work").blob(held)
    blob.metadata = {PARKED_CODE: "daily_quota"}
    blob.upload_from_string(format_image_event(event).data)
    with page(stack) as events:
        next_of(events, "ready")
        told = documents.parked_event(event, "key", code=ErrorCode.DAILY_QUOTA, until="2026-11-22T08:00:00Z")
        stack.publish(topology.IMAGE_RESULTS, told.data)
        said = next_of(events, "log", name="parked.png", kind="announced")["details"]["said"]
    with page(stack) as events:
        next_of(events, "ready")
    (task,) = image(stack, "parked.png")["tasks"]
    assert task["reason"] == "Gemini's quota of the day is used up; work goes on at 2026-11-22 08:00 UTC"
    assert said == f"parked: {task['reason']}"


def test_a_name_that_cloud_storage_refuses_is_refused_in_words(stack: Stack) -> None:
    answer = upload(stack, "a\nb.png")
    assert (answer.status_code, "rename the file" in answer.json()["error"]) == (400, True)


def test_a_viewer_that_ends_takes_its_subscriptions_along_though_a_page_is_open(stack: Stack) -> None:
    before = set(stack.subscriptions())
    argv = service_argv("viewer", "--port", "0")
    with Process("viewer", argv, env={**os.environ, **environment(stack.storage, stack.pubsub)}) as child:
        own = Stack(child.wait_ready(timeout_s=START_TIMEOUT_S), stack.storage, stack.pubsub)
        with page(own) as events:
            next_of(events, "ready")
            made = set(stack.subscriptions()) - before
            child.stop()
            output = child.tail()
    assert len(made) == 5
    assert set(stack.subscriptions()) == before
    assert output.splitlines() == [f"ready {own.viewer}"]


def test_a_lost_stack_is_said_in_words_and_a_new_one_is_taken_up(stack: Stack) -> None:
    path = topology.subscription_path(next(one for one in stack.subscriptions() if one.startswith("viewer-")))
    with page(stack) as events:
        next_of(events, "ready")
        topic = topology.topic_path(topology.IMAGE_RESULTS)
        resources.publisher(stack.pubsub).delete_topic(topic=topic)
        for name in stack.subscriptions():
            with contextlib.suppress(NotFound):
                resources.subscriber(stack.pubsub).delete_subscription(subscription=topology.subscription_path(name))
        assert "Pub/Sub has no topics" in wait_for_trouble(events)
    resources.create_topics(stack.pubsub)
    wait_until(lambda: hears_no_trouble(stack), "end of the trouble")
    assert path.rpartition("/")[2] in stack.subscriptions()


def wait_for_trouble(events: Iterator[tuple[str, Any]]) -> str:
    troubles = (data["trouble"] for kind, data in events if kind == "heartbeat")
    return next(str(trouble[0]) for trouble in troubles if trouble)


def hears_no_trouble(stack: Stack) -> bool:
    """Listen until all is well; False where the stream ends first, as it does for every page on recovery."""
    with page(stack) as events:
        return any(kind == "heartbeat" and not data["trouble"] for kind, data in events)


def test_without_a_stack_in_the_environment_the_viewer_says_what_to_do() -> None:
    bare = {key: value for key, value in os.environ.items() if not key.endswith("_EMULATOR_HOST")}
    done = subprocess.run(
        service_argv("viewer"), env=bare, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
    )
    assert done.returncode == 2
    assert "STORAGE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST must name the emulators" in done.stderr
