"""Real processes with a key and pictures that are easy to recognise: neither is told, whatever goes wrong."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.exceptions import DeadlineExceeded, NotFound

from infra.emulators import Control, Fault
from infra.local import endpoints, resources, topology
from infra.local.stack import Options, Stack
from shared.core.events.envelopes import format_image_event
from shared.core.values import Source
from tests import canary
from tests.closed_schema import documented
from tests.rig import picture
from tests.services import running
from tests.storm.deployment import event_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from google.cloud import storage

GENERATE = "models.generateContent"
QUOTE = f"key={canary.KEY} image={base64.b64encode(picture()).decode()}"
"""What a careless server might answer: all that it was sent."""

LISTENER = topology.subscription_path("canary-listener")

FAULTS = {
    "ok": None,
    "image_refused": Fault("status", GENERATE, status=400, body=f"Unable to process input image. {QUOTE}"),
    "request_refused": Fault("status", GENERATE, status=400, body=f"The safety setting is not supported. {QUOTE}"),
    "wrong_key": Fault("status", GENERATE, status=400, times=2, body=f"API key not valid. {QUOTE}"),
    "forbidden": Fault("status", GENERATE, status=403, times=2, body=f"Permission denied. {QUOTE}"),
    "throttled": Fault("status", GENERATE, status=429, seconds=1, body=f"Too fast. {QUOTE}"),
    "away": Fault("status", GENERATE, status=503, body=f"Overloaded. {QUOTE}"),
    "truncated": Fault("truncate", GENERATE),
    "reset": Fault("reset", GENERATE),
}
OUTCOMES = {
    "not_an_image": "not_an_image",
    "image_refused": "image_refused",
    "request_refused": "request_refused",
    "wrong_key": "held",
    "forbidden": "held",
    "dead_letter": "dead_letter",
}
"""Where it is not a caption: the code of the error, or that the event is held."""


@dataclass
class Play:
    """All that a stack has told; `outcomes` by the name of the upload."""

    lines: list[str] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    def wait_for_line(self, words: str) -> None:
        wait_until(lambda: any(words in line for line in self.lines), words)


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Everything that can go wrong, once; then all that is left of it."""
    found, state_dir = Play(), tmp_path_factory.mktemp("canary")
    with running("gemini") as gemini:
        environ = {**os.environ, "GEMINI_API_KEY": canary.KEY, "GOOGLE_GEMINI_BASE_URL": gemini}
        options = Options(state_dir, real=True)
        with Stack(
            options, environ=environ, say=found.lines.append, on_line=lambda _, line: found.lines.append(line)
        ) as stack:
            subscriber = resources.subscriber(stack.endpoints.pubsub)
            results = topology.topic_path(topology.IMAGE_RESULTS)
            subscriber.create_subscription(name=LISTENER, topic=results)
            client = resources.storage_client(stack.endpoints.storage)
            _uploads(found, client, Control(gemini))
            _bare_events(found, client, stack.endpoints)
            found.events = _pulled(subscriber, count=len(found.outcomes))
            wait_until(lambda: _read_all(found, client), "objects that stay while they are read")
            found.lines += [(state_dir / name).read_text() for name in (endpoints.ENV_FILE, endpoints.STATE_FILE)]
    return found


def _read_all(found: Play, client: storage.Client) -> bool:
    """Read every object; whether none of them was replaced meanwhile, as a lease is when its work is done."""
    for blob in (*client.list_blobs(topology.RESULTS), *client.list_blobs(topology.WORK)):
        try:
            found.objects[blob.name] = blob.download_as_bytes()
        except NotFound:
            return False
        found.metadata[blob.name] = json.dumps(blob.metadata)
    return True


def _uploads(found: Play, client: storage.Client, gemini: Control) -> None:
    for name, fault in FAULTS.items():
        if fault:
            gemini.add(fault)
        found.outcomes[name] = _outcome(client, name, picture())
    found.outcomes["not_an_image"] = _outcome(client, "not_an_image", canary.BYTES * 9)
    assert all(rule["hits"] for rule in gemini.faults())


def _outcome(client: storage.Client, name: str, data: bytes) -> str:
    """Upload for one caption, and return what came of it."""
    blob = client.bucket(topology.UPLOADS).blob(name)
    blob.metadata = {"uplook-tasks": "caption"}
    blob.upload_from_string(data, content_type="image/jpeg")
    return _ending(client, f"v1/uploads/{name}/{blob.generation}/")


def _ending(client: storage.Client, folder: str) -> str:
    def look() -> str | None:
        for blob in client.list_blobs(topology.RESULTS, prefix=folder):
            document = documented(blob.download_as_bytes(), where=blob.name)
            return str((document["error"] or {}).get("code", document["status"]))
        held = [blob.name for blob in client.list_blobs(topology.WORK, prefix="held/") if folder in blob.name]
        return "held" if held else None

    return wait_until(look, folder)


def _bare_events(found: Play, client: storage.Client, where: endpoints.Endpoints) -> None:
    """Publish what no upload leads to: a malformed event, and two dead letters."""
    publisher = resources.publisher(where.pubsub)
    malformed = json.dumps({"schema": QUOTE, "source": QUOTE}).encode()
    dead = event_of(Source(topology.UPLOADS, "dead_letter", 17, 5, "image/jpeg", "AAAAAA=="), "caption")
    for topic, data, task in (
        (topology.IMAGE_EVENTS, malformed, "caption"),
        (topology.IMAGE_DEAD, format_image_event(dead).data, "caption"),
        (topology.IMAGE_DEAD, b"{}", ""),
    ):
        message = {"data": data, "attributes": {"task": task} if task else {}}
        publisher.publish(topic=topology.topic_path(topic), messages=[message])
    found.outcomes["dead_letter"] = _ending(client, "v1/uploads/dead_letter/17/")
    found.wait_for_line("a malformed event is acknowledged")
    found.wait_for_line("a dead letter that is no image event")


def _pulled(subscriber: Any, *, count: int) -> list[bytes]:
    """Return at least as many result events."""
    events: list[bytes] = []

    def enough() -> bool:
        try:
            pulled = subscriber.pull(subscription=LISTENER, max_messages=100, timeout=1.0, retry=None)
        except DeadlineExceeded:
            return False
        events.extend(each.message.data for each in pulled.received_messages)
        return len(events) >= count

    wait_until(enough, f"{count} result events")
    return events


def test_everything_went_as_wrong_as_planned(play: Play) -> None:
    expected = dict.fromkeys(FAULTS, "ok") | OUTCOMES

    assert play.outcomes == expected
    assert any(name.startswith("dead/") for name in play.objects)
    assert any(name.startswith("held/") for name in play.objects)


def test_what_the_model_said_is_told_but_for_its_quotes(play: Play) -> None:
    (document,) = (
        json.loads(data) for name, data in play.objects.items() if "/image_refused/" in name and ".error-0" in name
    )

    assert "Unable to process input image. key=[redacted] image=[redacted]" in document["error"]["message"]


def test_no_process_writes_the_key_or_the_picture(play: Play) -> None:
    assert [line for line in play.lines if canary.leaks(line)] == []


def test_no_result_event_holds_the_key_or_the_picture(play: Play) -> None:
    assert [event for event in play.events if canary.leaks(event)] == []


def test_no_object_holds_the_key_or_the_picture(play: Play) -> None:
    assert [name for name, data in play.objects.items() if canary.leaks(data + play.metadata[name].encode())] == []


@pytest.mark.parametrize("told", [canary.KEY, QUOTE, f"data:image/jpeg;base64,{base64.b64encode(picture()).decode()}"])
def test_the_canary_is_found_where_it_is(told: str) -> None:
    assert canary.leaks(told)
    assert canary.leaks(picture())
