"""Pulls a subscription in a thread of its own, as long as a block runs."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.pubsub_v1 import SubscriberClient

_PULL_S: Final = 1.0
_AT_ONCE: Final = 500


@contextlib.contextmanager
def pulled(
    client: SubscriberClient,
    subscription: str,
    take: Callable[[bytes], None],
    *,
    passing: type[Exception] = DeadlineExceeded,
) -> Iterator[None]:
    """Call `take` with every message, one after another, and acknowledge it.

    `passing` is what is tried again: by default that nothing came within a second.
    """
    ended = threading.Event()

    def pull() -> None:
        found = client.pull(subscription=subscription, max_messages=_AT_ONCE, timeout=_PULL_S, retry=None)
        for each in found.received_messages:
            take(each.message.data)
        if found.received_messages:
            client.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in found.received_messages])

    def run() -> None:
        while not ended.is_set():
            with contextlib.suppress(passing):
                pull()

    thread = threading.Thread(target=run, name="pulled", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
