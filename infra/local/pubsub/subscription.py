"""One live subscription: its configuration, its backlog, and the task that pushes and lets time pass."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING

from infra.local.pubsub.backlog import Backlog, Lease
from infra.local.pubsub.filters import compile_filter
from infra.local.pubsub.pushes import ACKS, push_request
from infra.local.pubsub.refusals import not_found, precondition
from infra.local.pubsub.rules import rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from infra.local.pubsub.messages import Message, Proto
    from infra.local.pubsub.poster import Poster

LOG = logging.getLogger("pubsub")


class Subscription:
    """A subscription resource at work; `push_slots` bounds the pushes in flight."""

    def __init__(
        self, config: Proto, *, poster: Poster, push_slots: int, bury: Callable[[Subscription, Lease], bool]
    ) -> None:
        self.config = config
        self.backlog = Backlog(rules_of(config), clock=time.monotonic, bury=lambda lease: bury(self, lease))
        self._matches = compile_filter(config.filter)
        self._poster = poster
        self._push_slots = push_slots
        self._pushing: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._open = True
        self._pump = asyncio.create_task(self._run(), name=f"pump {config.name}")
        self._pump.add_done_callback(_surface_bug)

    @property
    def name(self) -> str:
        """The full resource name."""
        return str(self.config.name)

    def offer(self, message: Message) -> None:
        """Queue a message if the filter lets it through; what it stops counts as acknowledged."""
        if self._matches(message.attributes):
            self.backlog.put(message)
            self.notify()

    def reconfigure(self, config: Proto) -> None:
        """Continue under new settings; pushes in flight end as they began."""
        self.config = config
        self.backlog.rules = rules_of(config)
        if config.detached:
            self.backlog.seek([])
        self.notify()

    def seek(self, unacked: Iterable[Message]) -> None:
        """Make exactly those of these messages outstanding that the filter lets through."""
        self.backlog.seek(message for message in unacked if self._matches(message.attributes))
        self.notify()

    def check_pullable(self) -> None:
        """Refuse to hand out messages where only push may, or nobody."""
        if not self._open:
            raise not_found(self.name)
        if self.config.detached:
            raise precondition("The subscription is detached from its topic.")
        if self.config.push_config.push_endpoint:
            raise precondition("This method is not supported for this subscription type: it pushes.")

    def notify(self) -> None:
        """Wake everyone who waits for a change of this subscription."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, *, at_most_s: float | None = None) -> None:
        """Wait for a change, for the next thing that time makes due, or for `at_most_s`."""
        waits = [wait for wait in (self.backlog.wait_s(), at_most_s) if wait is not None]
        try:
            async with asyncio.timeout(min(waits, default=None)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Stop delivering; pushes in flight are cancelled."""
        self._open = False
        self.notify()
        self.backlog.seek([])
        tasks = [self._pump, *self._pushing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self.backlog.settle()
            if self.config.push_config.push_endpoint:
                self._push_ready()
            await self.change()

    def _push_ready(self) -> None:
        # The HTTP time-out *is* the ack deadline of a push, so its lease needs none of its own.
        free = self._push_slots - len(self._pushing)
        for lease in self.backlog.take(free, max_bytes=math.inf, deadline_s=math.inf):
            task = asyncio.create_task(self._push(lease, self.config))
            self._pushing.add(task)
            task.add_done_callback(self._pushed)

    async def _push(self, lease: Lease, config: Proto) -> None:
        request = push_request(config, lease.message, attempt=lease.attempt, now_s=time.time())
        answer = await self._poster.post(request, timeout_s=config.ack_deadline_seconds)
        if answer in ACKS:
            self.backlog.ack(lease.ack_id)
        elif self.backlog.holds(lease.ack_id):
            self._failed(lease, answer)

    def _failed(self, lease: Lease, answer: int | str) -> None:
        delay_s = self.backlog.nack(lease.ack_id)
        following = "no further attempt" if delay_s is None else f"next in {delay_s:.1f} s"
        where = (self.name.rsplit("/", 1)[-1], lease.message.id)
        LOG.warning("push failed: %s message %s: %s, attempt %d, %s", *where, answer, lease.attempt, following)

    def _pushed(self, task: asyncio.Task[None]) -> None:
        self._pushing.discard(task)
        self.notify()
        _surface_bug(task)


def _surface_bug(task: asyncio.Task[None]) -> None:
    # Raising in a callback makes the event loop log it at once; nobody awaits these tasks.
    if not task.cancelled():
        task.result()
