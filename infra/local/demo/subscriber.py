"""The demo listens to image events and result events; a program of yours begins with infra/examples."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from google.cloud import pubsub_v1

from infra.local.demo.cells import plain, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_NAME_CELLS = 28
_COUNTED = {"items": "item", "masks": "mask", "classes": "class"}


@contextmanager
def events(topic: str, on_event: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Call `on_event` with every event published on `topic` from now on, until the block ends.

    An event may come twice, with the same `id`; it says where the result lies, not what is in it.
    """
    client = pubsub_v1.SubscriberClient()
    project = topic.split("/")[1]
    subscription = client.subscription_path(project, f"watch-{uuid.uuid4().hex[:12]}")
    client.create_subscription(name=subscription, topic=topic)

    def receive(message: Any) -> None:
        on_event(json.loads(message.data))
        message.ack()

    pulling = client.subscribe(subscription, callback=receive)
    try:
        yield
    finally:
        pulling.cancel()
        pulling.result()
        client.delete_subscription(subscription=subscription)
        client.close()


def describe(event: dict[str, Any]) -> str:
    """Return one line about a result event, its object's name shortened."""
    source, counts = event["source"], event["counts"]
    counted = ", ".join(
        f"{counts[kind]} {one if counts[kind] == 1 else kind}" for kind, one in _COUNTED.items() if counts.get(kind)
    )
    found = event["caption"] or event["error"] or counted or ("an answer" if event["task"] == "ask" else "nothing")
    return f"{event['task']:8} {event['status']:8} {shorten(plain(source['name']), _NAME_CELLS)}: {found}"
