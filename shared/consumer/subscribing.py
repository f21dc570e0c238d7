"""Pull result events: acknowledged after your handler returns, delivered again where it raises."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

from .events import parse_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import pubsub_v1

    from .values import ResultEvent

_LOGGER = logging.getLogger(__name__)


class Pulling:
    """A running pull. Use it as a context manager, or call `close`."""

    def __init__(self, future: Any, client: pubsub_v1.SubscriberClient | None, handling: threading.local) -> None:
        self._future = future
        self._client = client
        self._handling = handling

    def wait(self) -> None:
        """Return once it is closed (by another thread).

        Raises:
            google.api_core.exceptions.GoogleAPICallError: it broke for good: no such subscription, no permission.
        """
        self._future.result()

    def close(self) -> None:
        """Stop pulling, and return once the handlers at work have ended; raises what `wait` raises.

        A handler may call it, too: then it returns at once, for it would wait for itself. `wait` tells of the end.
        """
        self._future.cancel()
        if getattr(self._handling, "an_event", False):
            self._future.add_done_callback(lambda _: self._release())
            return
        try:
            self._future.result()
        finally:
            self._release()

    def _release(self) -> None:
        if self._client is not None:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def subscribe(
    subscription: str,
    handler: Callable[[ResultEvent], object],
    *,
    threads: int = 10,
    client: pubsub_v1.SubscriberClient | None = None,
) -> Pulling:
    """Call `handler` with every result event of `projects/P/subscriptions/S`, in `threads` threads at once.

    An event is acknowledged when the handler returns. Where it raises, and where a message is no event that this client
    reads, that is logged and the message is delivered again: give the subscription a retry policy and a dead-letter
    topic. Pub/Sub delivers at least once and in any order: where doing it twice would hurt, remember each
    `(event.id, event.result)`.
    """
    from google.cloud import pubsub_v1 as library
    from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler

    handling = threading.local()

    def receive(message: Any) -> None:
        handling.an_event = True  # in this pool's threads, which do nothing else
        try:
            handler(parse_event(message))
        except Exception:
            _LOGGER.exception("Message %s of %s will be delivered again", message.message_id, subscription)
            message.nack()
        else:
            message.ack()

    puller = library.SubscriberClient() if client is None else client
    future = puller.subscribe(
        subscription,
        callback=receive,
        flow_control=library.types.FlowControl(max_messages=threads),
        scheduler=ThreadScheduler(ThreadPoolExecutor(threads, thread_name_prefix="result-event")),
        await_callbacks_on_shutdown=True,
    )
    return Pulling(future, puller if client is None else None, handling)
