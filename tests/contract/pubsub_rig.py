"""What the contract tests of the Pub/Sub emulators need: real clients, push endpoints, waiting with a deadline."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient as PublisherApi

from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = "projects/local-dev"


@dataclass(slots=True)
class Pushed:
    """One request that a push endpoint received; header names are lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Endpoint:
    """A push endpoint; `answer` gets the number of the request, from 1, and returns a status."""

    url: str
    received: list[Pushed] = field(default_factory=list)

    def wait_for(self, count: int) -> list[Pushed]:
        wait_until(lambda: len(self.received) >= count, f"{count} pushes")
        return self.received


@dataclass(slots=True)
class Rig:
    """One running emulator with real clients."""

    name: str
    publisher: Any
    subscriber: Any
    schemas: Any
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def topic(self) -> str:
        return str(self.publisher.create_topic(name=f"{PROJECT}/topics/t{os.getpid()}-{next(self.numbers)}").name)

    def subscription(self, topic: str, **settings: Any) -> str:
        name = f"{PROJECT}/subscriptions/s{os.getpid()}-{next(self.numbers)}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **settings})
        return name

    def publish(self, topic: str, *datas: bytes, **fields: Any) -> list[str]:
        return self.publish_messages(topic, [{"data": data, **fields} for data in datas])

    def publish_messages(self, topic: str, messages: list[dict[str, Any]]) -> list[str]:
        """Publish in exactly one request: the method of the API, beneath the batching client."""
        request = {"topic": topic, "messages": messages}
        return list(PublisherApi.publish(self.publisher, request, retry=None, timeout=WAIT_S).message_ids)

    def pull(self, subscription: str, count: int = 1) -> list[Any]:
        """Return at least `count` messages, with their leases."""
        found: list[Any] = []

        def complete() -> bool:
            found.extend(self.pull_now(subscription))
            return len(found) >= count

        wait_until(complete, f"{count} messages")
        return found

    def pull_now(self, subscription: str, *, timeout_s: float = 1.0) -> list[Any]:
        request = {"subscription": subscription, "max_messages": 100}
        with contextlib.suppress(exceptions.DeadlineExceeded):
            return list(self.subscriber.pull(request=request, timeout=timeout_s, retry=None).received_messages)
        return []

    def nack(self, subscription: str, ack_id: str) -> None:
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=0)


@contextlib.contextmanager
def endpoint(answer: Callable[[int], int] = lambda _: 204, *, port: int = 0) -> Iterator[Endpoint]:
    """Serve a push endpoint in threads, as many as there are connections."""
    here = Endpoint("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            here.received.append(Pushed({name.lower(): value for name, value in self.headers.items()}, body))
            status = answer(len(here.received))
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def clients(url: str, name: str = "ours") -> Iterator[Rig]:
    """Yield a rig whose clients found the emulator the way users' clients do: by the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", urlsplit(url).netloc)
        rig = Rig(name, pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient(), pubsub_v1.SchemaServiceClient())
    yield rig
    rig.publisher.stop()
    rig.publisher.transport.close()
    rig.subscriber.close()
    rig.schemas.transport.close()
