"""The viewer as a browser meets it: over sockets, with both emulators behind it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING, Any

import requests
from google.api_core.exceptions import NotFound

from infra.local import resources, topology
from infra.local.process import Process, service_argv
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import format_image_event
from shared.core.naming import paths
from shared.core.results import documents
from shared.pipeline.worker.park import PARKED_CODE
from tests.contract.viewer_rig import BYTES, DEADLINE_S, Stack, commit, environment, image_event, next_of, page, upload
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


def test_an_upload_is_seen_by_every_open_page(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        upload(stack, "seen.png")
        assert next_of(events, "image", name="seen.png")["live"] is True


def test_an_image_event_reaches_an_open_page(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_EVENTS, format_image_event(image_event("planned.png", 7)).data)
        assert next_of(events, "image", name="planned.png")["task"] == "caption"


def test_a_result_event_reaches_an_open_page_with_its_document(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "live.png", 8))
        result = next_of(events, "result", name="live.png")
        assert (result["live"], result["status"], result["reason"]) == (True, "failed", "Broken.")


def test_a_new_page_is_first_given_what_is_stored(stack: Stack) -> None:
    commit(stack, "stored.png", 9)
    with page(stack) as events:
        assert next_of(events, "result", name="stored.png")["live"] is False
        next_of(events, "ready")


def test_an_event_that_cannot_be_read_is_reported_and_the_next_one_shown(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        stack.publish(topology.IMAGE_RESULTS, b"not JSON")
        assert "result event could not be shown" in next_of(events, "problem")["message"]
        stack.publish(topology.IMAGE_RESULTS, commit(stack, "after.png", 10))
        next_of(events, "result", name="after.png", live=True)


def test_a_healthy_stack_sends_heartbeats_without_trouble(stack: Stack) -> None:
    with page(stack) as events:
        next_of(events, "ready")
        assert next_of(events, "heartbeat") == {"trouble": []}


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
        live = next_of(events, "result", name="parked.png", live=True)
    with page(stack) as events:
        stored = next_of(events, "result", name="parked.png", live=False)
    assert live["reason"] == "Gemini's quota of the day is used up; work goes on at 2026-11-22 08:00 UTC"
    assert stored["reason"] == live["reason"]


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
    assert len(made) == 2
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
