"""The Subscriber service, except for handing messages out (see `delivery`)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .broker import Broker, Snapshot
from .limits import check_name
from .messages import proto
from .paging import page, within
from .refusals import check_new, expired_ack_ids, invalid, need, precondition
from .settings import DAY_S, new_subscription, updated, with_push

if TYPE_CHECKING:
    from .messages import Proto
    from .subscription import Subscription

MAX_ACK_DEADLINE_S = 600


class Subscriber:
    """Subscriptions, acknowledgements, snapshots; one method per RPC, named as in the API."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._subscriptions = broker.subscriptions
        self._snapshots = broker.snapshots

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
