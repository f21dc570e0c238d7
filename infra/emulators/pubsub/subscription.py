"""One live subscription: its configuration, its backlog, and the task that pushes and lets time pass."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING

from .backlog import Backlog, Lease
from .delivery_policy import delivery_policy_of
from .errors import not_found, precondition
from .faults import ACK, PUSH, PUSH_STATUS
from .filters import compile_filter
from .push_request import ACKS, push_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .faults import FaultPlan
    from .models import Message, Proto
    from .push_client import PushClient
    from .push_request import PushRequest

LOG = logging.getLogger("pubsub")


class Subscription:
    """A subscription resource at work; `push_slots` bounds the pushes in flight."""

    def __init__(
        self,
        config: Proto,
        *,
        push_client: PushClient,
        push_slots: int,
        faults: FaultPlan,
        dead_letter: Callable[[Subscription, Lease], bool],
    ) -> None:
        self.config = config
        self.backlog = Backlog(
            delivery_policy_of(config), clock=time.monotonic, dead_letter=lambda lease: dead_letter(self, lease)
        )
        self._matches = compile_filter(config.filter)
        self._push_client = push_client
        self._push_slots = push_slots
        self._faults = faults
        self._pushing: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._open = True
        self._pump = asyncio.create_task(self._run(), name=f"pump {config.name}")
        self._pump.add_done_callback(_surface_bug)

    @property
    def name(self) -> str:
        """The full resource name."""
        return str(self.config.name)

    @property
    def short_name(self) -> str:
        """The last part of the name: the subject of faults."""
        return self.name.rsplit("/", 1)[-1]

    def wants(self, message: Message) -> bool:
        """Whether the filter lets a message through; what it stops counts as acknowledged."""
        return self._matches(message.attributes)

    def offer(self, message: Message, *, delay_s: float = 0, behind: int = 0) -> None:
        """Queue a message; `delay_s` and `behind` as in `Backlog.put`."""
        self.backlog.put(message, delay_s=delay_s, behind=behind)
        self.notify()

    def ack(self, ack_id: str) -> bool:
        """End a delivery well, unless the acknowledgement is lost; False if the delivery counts no more."""
        if not self.backlog.holds(ack_id):
            return False
        fault = self._faults.take(ACK, self.short_name)
        if fault is None:
            return self.backlog.ack(ack_id)
        if fault.seconds:
            self.backlog.extend(ack_id, fault.seconds)
        return True

    def reconfigure(self, config: Proto) -> None:
        """Continue under new settings; pushes in flight end as they began."""
        self.config = config
        self.backlog.policy = delivery_policy_of(config)
        if config.detached:
            self.backlog.seek([])
        self.notify()

    def seek(self, unacked: Iterable[Message]) -> None:
        """Make exactly those of these messages outstanding that the filter lets through."""
        self.backlog.seek(filter(self.wants, unacked))
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
        answer = await self._post(request, timeout_s=config.ack_deadline_seconds)
        if answer in ACKS:
            self.backlog.ack(lease.ack_id)
        elif self.backlog.holds(lease.ack_id):
            self._failed(lease, answer)

    async def _post(self, request: PushRequest, *, timeout_s: float) -> int | str:
        fault = self._faults.take(PUSH, self.short_name)
        if fault is None:
            return await self._push_client.post(request, timeout_s=timeout_s)
        if fault.kind == "lost_answer":
            await self._push_client.post(request, timeout_s=timeout_s)
            await asyncio.sleep(fault.seconds)
            return "answer lost by a planned fault"
        await asyncio.sleep(fault.seconds)
        if fault.kind == "push_status":
            return fault.status or PUSH_STATUS
        return await self._push_client.post(request, timeout_s=timeout_s)

    def _failed(self, lease: Lease, answer: int | str) -> None:
        delay_s = self.backlog.nack(lease.ack_id)
        following = "no further attempt" if delay_s is None else f"next in {delay_s:.1f} s"
        where = (self.short_name, lease.message.id)
        LOG.warning("push failed: %s message %s: %s, attempt %d, %s", *where, answer, lease.attempt, following)

    def _pushed(self, task: asyncio.Task[None]) -> None:
        self._pushing.discard(task)
        self.notify()
        _surface_bug(task)


def _surface_bug(task: asyncio.Task[None]) -> None:
    # Raising in a callback makes the event loop log it at once; nobody awaits these tasks.
    if not task.cancelled():
        task.result()
