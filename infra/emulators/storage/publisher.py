"""Publishing to Pub/Sub beside the requests: in order, never in their way, and with a bounded patience."""

from __future__ import annotations

import queue
import sys
import threading
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..common.console import write_line
from .events import Message, messages
from .faults import EVENT_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..common.faults import Fault, Plan
    from .events import Change
    from .models import Bucket

ATTEMPTS = 6
FIRST_DELAY_S = 0.2
"""Doubled after every failure: all attempts together last some six seconds."""

RPC_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
OVERTAKEN_WITHIN_S = 5.0
"""When a postponed event is published that no other has overtaken."""

MAX_BATCH = 100
"""Of at most 1 kB or so each: far below Pub/Sub's 1,000 messages and 10 MB for one request."""


class EventQueue:
    """Hands every message to `put`, when and as often as the plan says."""

    def __init__(self, put: Callable[[Message], None], plan: Plan) -> None:
        self._put = put
        self._plan = plan
        self._postponed: list[_Postponed] = []

    def post(self, change: Change, messages: Sequence[Message]) -> None:
        """Take the messages that tell about one change."""
        version = change.version
        fault = self._plan.take(EVENT_OPERATIONS[change.event], f"{version.bucket}/{version.name}")
        if fault and fault.kind in ("delay", "reorder"):
            self._postponed.append(_Postponed(fault, messages, self._put_all))
            return
        copies = 1 + (_number(fault) if fault else 0)
        self._put_all([message for message in messages for _ in range(copies)])
        for postponed in self._postponed:
            if postponed.until_next_event:
                postponed.hand_over()
        self._postponed = [postponed for postponed in self._postponed if not postponed.done]

    def close(self) -> None:
        """Hand over what is still postponed."""
        for postponed in self._postponed:
            postponed.hand_over()

    def _put_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._put(message)


class Publisher:
    """Turns changes into messages and sends them from a thread of its own; without a target it drops them."""

    def __init__(self, target: str | None, eventarc: Mapping[str, Sequence[str]], plan: Plan) -> None:
        self._target = target
        self._eventarc = eventarc
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._events = EventQueue(self._queue.put, plan)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        if target:
            self._thread.start()

    def publish(self, bucket: Bucket, change: Change) -> None:
        """Queue everything there is to say about `change`."""
        if self._target:
            self._events.post(change, messages(bucket, change, self._eventarc.get(bucket.name, ())))

    def close(self) -> None:
        """Send what is queued, within two seconds."""
        self._events.close()
        self._queue.put(None)
        if self._target:
            self._thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        client = _client(str(self._target))
        while batch := self._next_batch():
            for topic, group in groupby(batch, key=lambda message: message.topic):
                _send(client, topic, list(group))

    def _next_batch(self) -> list[Message]:
        """Wait for a message and take those queued behind it; an empty batch is the end."""
        batch = []
        while (message := self._queue.get()) is not None:
            batch.append(message)
            if self._queue.empty() or len(batch) == MAX_BATCH:
                return batch
        if batch:
            self._queue.put(None)
        return batch


class _Postponed:
    """Messages that wait, for a time or for the next event."""

    def __init__(self, fault: Fault, messages: Sequence[Message], put: Callable[[Sequence[Message]], None]) -> None:
        self.until_next_event = fault.kind == "reorder"
        self.done = False
        self._messages = messages
        self._put = put
        self._lock = threading.Lock()
        seconds = fault.seconds or (OVERTAKEN_WITHIN_S if self.until_next_event else 0)
        self._timer = threading.Timer(seconds, self.hand_over)
        self._timer.daemon = True
        self._timer.start()

    def hand_over(self) -> None:
        """Hand the messages over, once."""
        self._timer.cancel()
        with self._lock:
            if not self.done:
                self.done = True
                self._put(self._messages)


def _client(target: str) -> Any:
    # Imported here: half a second of start-up that an emulator without events does not need to spend.
    import grpc
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(target)))


def _send(client: Any, topic: str, batch: Iterable[Message]) -> None:
    from google.api_core.exceptions import GoogleAPIError

    wire = [{"attributes": dict(message.attributes), "data": message.data} for message in batch]
    for attempt in range(ATTEMPTS):
        try:
            client.publish(topic=topic, messages=wire, retry=None, timeout=RPC_TIMEOUT_S)
        except GoogleAPIError as error:
            final = attempt + 1 == ATTEMPTS
            fate = f"{len(wire)} events are lost" if final else "trying again"
            write_line(f"storage: could not publish to {topic} ({error}): {fate}", sys.stderr)
            time.sleep(0 if final else FIRST_DELAY_S * 2**attempt)
        else:
            return


def _number(fault: Fault) -> int:
    return fault.body if isinstance(fault.body, int) else 1
