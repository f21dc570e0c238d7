"""The Subscriber service: subscriptions, snapshots, acknowledgements, and how messages are handed out."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

from .broker import Broker, Snapshot
from .errors import check_new, expired_ack_ids, invalid, need, precondition
from .faults import with_fault
from .limits import check_name
from .models import proto, to_proto
from .paging import page, within
from .resources import DAY_S, new_subscription, updated, with_push

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .backlog import Lease
    from .faults import FaultPlan
    from .models import Proto
    from .subscription import Subscription

MAX_ACK_DEADLINE_S = 600
MAX_RESPONSE_BYTES = 3_900_000
"""Clients of an emulator use a plain channel, which refuses answers above 4 MiB."""

MAX_STREAM_BATCH = 50
LONG_POLL_S = 20.0
ANSWER_MARGIN_S = 0.2
"""An empty answer leaves this long before the client's own deadline, so that it arrives as an answer."""


class SubscriberApi:
    """The service; one method per RPC, named as in the API."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._subscriptions = broker.subscriptions
        self._snapshots = broker.snapshots
        self._faults = broker.faults

    def create_subscription(self, request: Proto) -> Proto:
        """Create a subscription."""
        config = new_subscription(request)
        check_new(self._subscriptions, config.name)
        need(self._broker.topics, config.topic)
        self._broker.subscribe(config)
        return config

    def get_subscription(self, request: Proto) -> Proto:
        """Return a subscription."""
        return self._subscription(request).config

    def update_subscription(self, request: Proto) -> Proto:
        """Change the fields that the mask names."""
        subscription = need(self._subscriptions, request.subscription.name)
        subscription.reconfigure(updated(subscription.config, request.subscription, request.update_mask))
        return subscription.config

    def modify_push_config(self, request: Proto) -> None:
        """Change where messages are pushed; an empty configuration ends pushing."""
        subscription = self._subscription(request)
        subscription.reconfigure(with_push(subscription.config, request.push_config))

    def list_subscriptions(self, request: Proto) -> Proto:
        """List the subscriptions of a project."""
        configs = {name: each.config for name, each in self._subscriptions.items()}
        found, following = page(within(request.project, configs), request)
        return proto("ListSubscriptionsResponse")(subscriptions=found, next_page_token=following)

    async def delete_subscription(self, request: Proto) -> None:
        """Delete a subscription and everything it had left; pushes in flight are cut off."""
        subscription = self._subscription(request)
        del self._subscriptions[request.subscription]
        await subscription.close()

    def acknowledge(self, request: Proto) -> None:
        """Acknowledge deliveries; an expired one matters only under exactly-once delivery."""
        subscription = self._subscription(request)
        late = [ack_id for ack_id in request.ack_ids if not subscription.ack(ack_id)]
        subscription.notify()
        _check_all_counted(subscription, late)

    def modify_ack_deadline(self, request: Proto) -> None:
        """Move the deadlines of deliveries; 0 gives them back at once."""
        subscription = self._subscription(request)
        late = [each for each in request.ack_ids if not move_deadline(subscription, each, request.ack_deadline_seconds)]
        subscription.notify()
        _check_all_counted(subscription, late)

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

    def seek(self, request: Proto) -> Proto:
        """Go back (or forward) to a snapshot or a moment."""
        subscription = self._subscription(request)
        if request.snapshot:
            snapshot = need(self._snapshots, request.snapshot)
            if snapshot.config.topic != subscription.config.topic:
                raise precondition("The snapshot belongs to another topic than the subscription.")
            subscription.seek(snapshot.messages)
        else:
            moment_us = request.time.ToMicroseconds()
            known = subscription.backlog.known()
            subscription.seek(message for message in known if message.published_us >= moment_us)
        return proto("SeekResponse")()

    def create_snapshot(self, request: Proto) -> Proto:
        """Remember what a subscription has not acknowledged."""
        check_name("snapshots", request.name)
        check_new(self._snapshots, request.name)
        subscription = self._subscription(request)
        config = proto("Snapshot")(name=request.name, topic=subscription.config.topic, labels=request.labels)
        config.expire_time.FromSeconds(int(time.time()) + 7 * DAY_S)
        self._snapshots[request.name] = Snapshot(config, subscription.backlog.unacked())
        return config

    def get_snapshot(self, request: Proto) -> Proto:
        """Return a snapshot."""
        return need(self._snapshots, request.snapshot).config

    def update_snapshot(self, request: Proto) -> Proto:
        """Change the fields that the mask names."""
        snapshot = need(self._snapshots, request.snapshot.name)
        snapshot.config = updated(snapshot.config, request.snapshot, request.update_mask)
        return snapshot.config

    def list_snapshots(self, request: Proto) -> Proto:
        """List the snapshots of a project."""
        configs = {name: each.config for name, each in self._snapshots.items()}
        found, following = page(within(request.project, configs), request)
        return proto("ListSnapshotsResponse")(snapshots=found, next_page_token=following)

    def delete_snapshot(self, request: Proto) -> None:
        """Delete a snapshot."""
        need(self._snapshots, request.snapshot)
        del self._snapshots[request.snapshot]

    def _subscription(self, request: Proto) -> Subscription:
        subscription: Subscription = need(self._subscriptions, request.subscription)
        return subscription


class _Stream:
    """One open StreamingPull; it is the holder of what it leases."""

    def __init__(self, subscription: Subscription, first: Proto, faults: FaultPlan) -> None:
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
            if leases := await with_fault(fault, self._take):
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


def move_deadline(subscription: Subscription, ack_id: str, seconds: int) -> bool:
    """Extend a delivery, or give it back (0 seconds); return whether it still counted."""
    if not 0 <= seconds <= MAX_ACK_DEADLINE_S:
        raise invalid(f"Invalid ack deadline: expected 0 to {MAX_ACK_DEADLINE_S} seconds, found {seconds}.")
    if seconds:
        return subscription.backlog.extend(ack_id, seconds)
    counted = subscription.backlog.holds(ack_id)
    subscription.backlog.nack(ack_id)
    return counted


def _check_all_counted(subscription: Subscription, late: list[str]) -> None:
    if late and subscription.config.enable_exactly_once_delivery:
        raise expired_ack_ids(late)


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
