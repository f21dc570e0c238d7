"""Publishing to Pub/Sub beside the requests: in order, never in their way, and with a bounded patience."""

from __future__ import annotations

import queue
import sys
import threading
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..common.lines import write_line
from .events import Message, messages
from .outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..common.faults import Plan
    from .events import Change
    from .model import Bucket

ATTEMPTS = 6
FIRST_DELAY_S = 0.2
"""Doubled after every failure: all attempts together last some six seconds."""

RPC_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
MAX_BATCH = 100
"""Of at most 1 kB or so each: far below Pub/Sub's 1,000 messages and 10 MB for one request."""


class Publisher:
    """Turns changes into messages and sends them from a thread of its own; without a target it drops them."""

    def __init__(self, target: str | None, eventarc: Mapping[str, Sequence[str]], plan: Plan) -> None:
        self._target = target
        self._eventarc = eventarc
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._outbox = Outbox(self._queue.put, plan)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        if target:
            self._thread.start()

    def publish(self, bucket: Bucket, change: Change) -> None:
        """Queue everything there is to say about `change`."""
        if self._target:
            self._outbox.post(change, messages(bucket, change, self._eventarc.get(bucket.name, ())))

    def close(self) -> None:
        """Send what is queued, within two seconds."""
        self._outbox.close()
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
