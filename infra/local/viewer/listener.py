"""Hears the stack's topics: a streaming pull on each, through subscriptions that go away with the viewer."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists, GoogleAPIError, NotFound
from google.cloud import pubsub_v1

from infra.local import topology
from infra.local.viewer.advice import ADVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.cloud.pubsub_v1.subscriber.message import Message

_TIMEOUT_S = 2.0
_ACK_DEADLINE_S = 30
_UNUSED_FOR = dt.timedelta(days=1)  # the least that Pub/Sub allows; only a killed viewer leaves anything behind
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a topic: its bytes, its attributes, its id, and when it was published (RFC 3339, UTC)."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    at: str = ""


class Listener:
    """Subscriptions to topics of one project, each with a handler that runs in a thread of the client library."""

    def __init__(self, project: str, handlers: Mapping[str, Callable[[Heard], None]]) -> None:
        self._client = pubsub_v1.SubscriberClient()
        self._project = project
        self._name = f"viewer-{secrets.token_hex(4)}"
        self._handlers = handlers
        self._pulls: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def check(self) -> str | None:
        """Listen wherever nobody listens yet; say in plain words why that fails, or None."""
        with self._lock:
            try:
                for topic in () if self._closed else self._handlers:
                    self._ensure(topic)
            except NotFound as error:
                return f"Pub/Sub has no topics to listen to yet ({error.message}). Is the stack still starting?"
            except GoogleAPIError:
                return f"Pub/Sub does not answer. {ADVICE}"
        return None

    def close(self) -> None:
        """Stop listening and delete the subscriptions, if Pub/Sub is still there."""
        with self._lock:
            self._closed = True
            for pull in self._pulls.values():
                pull.cancel()
            with contextlib.suppress(GoogleAPIError):  # the emulator may have ended first, and they with it
                for topic in self._pulls:
                    self._client.delete_subscription(subscription=self._path(topic), timeout=_TIMEOUT_S, retry=None)
            self._client.close()

    def _ensure(self, topic: str) -> None:
        pull = self._pulls.get(topic)
        if pull is not None and not pull.done() and self._exists(topic):
            return
        if pull is not None:
            pull.cancel()
        self._create(topic)
        handler = self._handlers[topic]
        self._pulls[topic] = self._client.subscribe(
            self._path(topic),
            callback=lambda message: _handle(message, handler),
            flow_control=pubsub_v1.types.FlowControl(max_messages=_AT_ONCE),
        )

    def _exists(self, topic: str) -> bool:
        try:
            self._client.get_subscription(subscription=self._path(topic), timeout=_TIMEOUT_S, retry=None)
        except NotFound:
            return False
        return True

    def _create(self, topic: str) -> None:
        wanted = {
            "name": self._path(topic),
            "topic": f"projects/{self._project}/topics/{topic}",
            "ack_deadline_seconds": _ACK_DEADLINE_S,
            "expiration_policy": {"ttl": _UNUSED_FOR},
        }
        with contextlib.suppress(AlreadyExists):
            self._client.create_subscription(request=wanted, timeout=_TIMEOUT_S, retry=None)

    def _path(self, topic: str) -> str:
        suffix = "" if topic == topology.IMAGE_RESULTS else f"-{topic}"
        return f"projects/{self._project}/subscriptions/{self._name}{suffix}"


def _handle(message: Message, handler: Callable[[Heard], None]) -> None:
    at = message.publish_time.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    handler(Heard(message.data, dict(message.attributes), message.message_id, at))
    message.ack()
