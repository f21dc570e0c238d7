"""What a test does with a running viewer and the emulators behind it."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import requests

from infra.local import resources, topology
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import ImageEvent
from shared.core.planning import plan
from shared.core.results import documents
from shared.core.values import Source, TaskSettings
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

DEADLINE_S = WAIT_S
BYTES = b"\x89PNG\r\n\x1a\n not really \x00\xff"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses of one running viewer and of the emulators behind it."""

    viewer: str
    storage: str
    pubsub: str

    def bucket(self, name: str) -> Any:
        return resources.storage_client(self.storage).bucket(name)

    def publish(self, topic: str, data: bytes) -> None:
        client = resources.publisher(self.pubsub)
        client.publish(topic=topology.topic_path(topic), messages=[{"data": data}])

    def subscriptions(self) -> list[str]:
        found = resources.subscriber(self.pubsub).list_subscriptions(project=f"projects/{topology.PROJECT}")
        return [one.name.rpartition("/")[2] for one in found]

    def ask(self, path: str, *, method: str = "GET", host: str | None = None) -> Answer:
        """Ask for a path as it stands: requests would fold its dots and encode it anew, browsers do not."""
        connection = http.client.HTTPConnection(urlsplit(self.viewer).netloc, timeout=DEADLINE_S)
        with contextlib.closing(connection):
            connection.request(method, path, headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())


def environment(storage: str, pubsub: str) -> dict[str, str]:
    return {
        "STORAGE_EMULATOR_HOST": storage,
        "PUBSUB_EMULATOR_HOST": pubsub,
        "GOOGLE_CLOUD_PROJECT": topology.PROJECT,
    }


@contextlib.contextmanager
def page(stack: Stack, *, headers: Mapping[str, str] | None = None) -> Iterator[Iterator[tuple[str, Any]]]:
    """Yield the events of one open page as (kind, data)."""
    with requests.get(f"{stack.viewer}/api/events", headers=headers, stream=True, timeout=DEADLINE_S) as answer:
        yield _events(answer)


def _events(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        text = line.decode() if isinstance(line, bytes) else line
        if text.startswith("event: "):
            kind = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield kind, json.loads(text.removeprefix("data: "))


def next_of(events: Iterator[tuple[str, Any]], kind: str, /, **expected: Any) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    for found, data in events:
        if found == kind and expected.items() <= data.items():
            assert isinstance(data, dict)
            return data
        assert time.monotonic() < deadline, f"no {kind} with {expected} in time"
    raise AssertionError(f"the stream ended before a {kind} with {expected}")


def upload(
    stack: Stack, name: str, data: bytes = BYTES, *, headers: Mapping[str, str] | None = None
) -> requests.Response:
    address = f"{stack.viewer}/api/uploads?name={quote(name, safe='')}"
    return requests.post(address, data=data, headers=headers, timeout=DEADLINE_S)


def images(stack: Stack, **window: Any) -> dict[str, Any]:
    """Return what the page is told of the images that fit."""
    answer = requests.get(f"{stack.viewer}/api/images", params=window, timeout=DEADLINE_S)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def image(stack: Stack, name: str) -> dict[str, Any]:
    """Return what the page is told of the newest image whose name holds this; nothing where there is none."""
    found = images(stack, q=name, limit=1)["images"]
    return dict(found[0]) if found else {}


def image_event(name: str, generation: int) -> ImageEvent:
    settings = TaskSettings("gemini-3.8-flash", "p", "low", 25, 1000)
    return ImageEvent(Source("uploads", name, generation), "caption", settings, "v1")


def commit(stack: Stack, name: str, generation: int) -> bytes:
    """Write a result document; return its event."""
    event = image_event(name, generation)
    document = documents.unanswered(
        event,
        plan.idempotency_key(event),
        status="failed",
        code=ErrorCode.CORRUPT,
        message="Broken.",
        at="2026-11-21T08:00:00Z",
    )
    path = f"v1/uploads/{name}/{generation}/caption.error-0.json"
    stack.bucket("results").blob(path).upload_from_string(json.dumps(document), content_type="application/json")
    return documents.result_event(document, uri=f"gs://results/{path}").data
