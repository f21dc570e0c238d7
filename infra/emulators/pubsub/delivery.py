"""Handing messages to subscribers that ask: Pull and StreamingPull."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

from .faulting import suffer
from .messages import proto, to_proto
from .refusals import invalid, need
from .subscriber import move_deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .backlog import Lease
    from .broker import Broker
    from .faulting import Faults
    from .messages import Proto
    from .subscription import Subscription

MAX_RESPONSE_BYTES = 3_900_000
"""Clients of an emulator use a plain channel, which refuses answers above 4 MiB."""

MAX_STREAM_BATCH = 50
LONG_POLL_S = 20.0
ANSWER_MARGIN_S = 0.2
"""An empty answer leaves this long before the client's own deadline, so that it arrives as an answer."""


class Delivery:
    """The RPCs of the Subscriber service that hand messages out."""

    def __init__(self, broker: Broker) -> None:
        self._subscriptions = broker.subscriptions
        self._faults = broker.faults

    async def pull(self, request: Proto, context: Any) -> Proto:
        """Return up to `max_messages`, waiting for the first one."""
        if request.max_messages <= 0:
            raise invalid(f"max_messages must be above 0, found {request.max_messages}.")
        subscription = need(self._subscriptions, request.subscription)
        patience_s = min(LONG_POLL_S, (context.time_remaining() or LONG_POLL_S) - ANSWER_MARGIN_S)
        ends = time.monotonic() + (0 if request.return_immediately else patience_s)
        while True:
            subscription.check_pullable()
            leases = subscription.backlog.take(request.max_messages, max_bytes=MAX_RESPONSE_BYTES)
            left_s = ends - time.monotonic()
            if leases or left_s <= 0:
                return proto("PullResponse")(received_messages=_received(subscription, leases))
            await subscription.change(at_most_s=left_s)

    async def streaming_pull(self, requests: AsyncIterator[Proto], context: Any) -> None:
        """Hand out messages as they come, within the stream's flow control, until the client hangs up."""
        first = await anext(requests, None)
        if first is None:
            return
        stream = _Stream(need(self._subscriptions, first.subscription), first, self._faults)
        reader = asyncio.create_task(stream.read(requests))
        try:
            await stream.write(context, reader)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


class _Stream:
    """One open StreamingPull; it is the holder of what it leases."""

    def __init__(self, subscription: Subscription, first: Proto, faults: Faults) -> None:
        self._subscription = subscription
        self._faults = faults
        self._deadline_s = first.stream_ack_deadline_seconds
        self._max_messages = first.max_outstanding_messages if first.max_outstanding_messages > 0 else math.inf
        self._max_bytes = first.max_outstanding_bytes if first.max_outstanding_bytes > 0 else math.inf

    async def read(self, requests: AsyncIterator[Proto]) -> None:
        try:
            async for request in requests:
                self._take_in(request)
        finally:
            self._subscription.notify()

    async def write(self, context: Any, reader: asyncio.Task[None]) -> None:
        # The first answer comes at once: it tells the client how this subscription delivers.
        await context.write(self._response([]))
        while not reader.done():
            self._subscription.check_pullable()
            if not self._room() or not self._subscription.backlog.ready():
                await self._subscription.change()
                continue
            fault = self._faults.take("StreamingPull", self._subscription.short_name)
            if leases := await suffer(fault, self._take):
                await context.write(self._response(leases))
        reader.result()

    def _take_in(self, request: Proto) -> None:
        self._deadline_s = request.stream_ack_deadline_seconds or self._deadline_s
        for ack_id in request.ack_ids:
            self._subscription.ack(ack_id)
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_ack_ids and modify_deadline_seconds must have the same length.")
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            move_deadline(self._subscription, ack_id, seconds)
        self._subscription.notify()

    def _room(self) -> bool:
        messages, size = self._subscription.backlog.held_by(self)
        return messages < self._max_messages and size < self._max_bytes

    def _take(self) -> list[Lease]:
        # What is held when the stream closes stays leased: acknowledgements may still be under way.
        messages, size = self._subscription.backlog.held_by(self)
        return self._subscription.backlog.take(
            int(min(MAX_STREAM_BATCH, self._max_messages - messages)),
            max_bytes=min(MAX_RESPONSE_BYTES, self._max_bytes - size),
            holder=self,
            deadline_s=self._deadline_s or None,
        )

    def _response(self, leases: list[Lease]) -> Proto:
        config = self._subscription.config
        response = proto("StreamingPullResponse")(received_messages=_received(self._subscription, leases))
        response.subscription_properties.exactly_once_delivery_enabled = config.enable_exactly_once_delivery
        response.subscription_properties.message_ordering_enabled = config.enable_message_ordering
        return response


def _received(subscription: Subscription, leases: list[Lease]) -> list[Proto]:
    counted = subscription.config.HasField("dead_letter_policy")
    return [
        proto("ReceivedMessage")(
            ack_id=lease.ack_id,
            message=to_proto(lease.message),
            delivery_attempt=lease.attempt if counted else 0,
        )
        for lease in leases
    ]
