"""Pull result events, read what they point to, and show what was found: how a program of your own starts.

Against a running stack (`make up`):

    set -a; . .local/stack.env; set +a
    .venv/bin/python -m infra.examples.pull_subscriber

It makes a subscription of its own on RESULT_TOPIC and deletes it in the end. A program of yours is given one that
lasts: `projects/P/subscriptions/S` as its argument.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import uuid
from typing import TYPE_CHECKING

from google.cloud import pubsub_v1

from shared.consumer import ResultReader, subscribe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.consumer import Result, ResultEvent


def main(argv: list[str]) -> None:
    """Handle result events until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reader = ResultReader()
    told: set[tuple[str, str | None]] = set()

    def handle(event: ResultEvent) -> None:
        if (event.id, event.result) in told:
            return  # delivered once more: the result is the same
        # Text and end of the line in one write: the lines of events that are handled at once stay apart.
        print(f"{describe(event, reader)}\n", end="", flush=True)
        told.add((event.id, event.result))

    with contextlib.ExitStack() as stack:
        subscription = argv[0] if argv else stack.enter_context(temporary_subscription(os.environ["RESULT_TOPIC"]))
        pulling = stack.enter_context(subscribe(subscription, handle))
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        print("Waiting for result events; Ctrl-C ends.", flush=True)
        pulling.wait()


def describe(event: ResultEvent, reader: ResultReader) -> str:
    """Return one line about an event and, where there is a result, what it holds; its files are read and verified."""
    head = f"{event.task:8} {event.status:11} {event.source.name}: "
    if event.held:
        return f"{head}waits until {event.until}"
    return head + _found(reader.read_result(event), reader)


def _found(result: Result, reader: ResultReader) -> str:
    read = sum(len(reader.read_file(file)) for file in result.files)
    files = f" ({len(result.files)} files, {read:,} bytes)" if result.files else ""
    if result.error is not None:
        return f"{result.error.message}{files}"
    items = ", ".join(f"{item.label} {item.box_px}" for item in result.items or () if item.status == "ok")
    classes = ", ".join(chosen.label for chosen in result.classes or () if chosen.status == "ok")
    return f"{result.caption or result.answer or items or classes or 'nothing'}{files}"


@contextlib.contextmanager
def temporary_subscription(topic: str) -> Iterator[str]:
    """Yield a new subscription on `topic`, which is deleted in the end."""
    with pubsub_v1.SubscriberClient() as client:
        path = client.subscription_path(topic.split("/")[1], f"example-{uuid.uuid4().hex[:12]}")
        client.create_subscription(name=path, topic=topic)
        try:
            yield path
        finally:
            client.delete_subscription(subscription=path)


if __name__ == "__main__":
    main(sys.argv[1:])
