"""Everything the emulator holds: topics, subscriptions, snapshots, and the way of a message between them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .faults import DELIVER, REORDER_LIMIT_S, count_of
from .models import Message, to_proto
from .push_client import PushClient
from .push_request import publish_time
from .schemas_api import SchemasApi
from .subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .backlog import Lease
    from .faults import FaultPlan
    from .models import Proto

LOG = logging.getLogger("pubsub")

DELETED_TOPIC = "_deleted-topic_"
DEFAULT_PUSH_SLOTS = 100


@dataclass(slots=True)
class Snapshot:
    """What was unacknowledged at one moment, and what was published to the topic since."""

    config: Proto
    messages: list[Message]


@dataclass(slots=True)
class Broker:
    """The state of one emulator; all of it lives on one event loop, so nothing is locked."""

    faults: FaultPlan
    push_slots: int = DEFAULT_PUSH_SLOTS
    topics: dict[str, Proto] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    published: Counter[str] = field(default_factory=Counter)
    schemas: SchemasApi = field(init=False)
    _push_client: PushClient = field(default_factory=PushClient)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(time.time_ns() // 1000))

    def __post_init__(self) -> None:
        self.schemas = SchemasApi(self.topics)

    def publish(self, topic: str, drafts: Iterable[Proto]) -> list[str]:
        """Publish messages (with data, attributes and ordering key) and return their ids, in order."""
        published = [self._stamped(draft) for draft in drafts]
        self.published[topic] += len(published)
        for subscription in self.subscribers(topic):
            for message in published:
                self._hand_over(message, subscription)
        for snapshot in self.snapshots.values():
            if snapshot.config.topic == topic:
                snapshot.messages.extend(published)
        return [message.id for message in published]

    def subscribers(self, topic: str) -> list[Subscription]:
        """Return the attached subscriptions of a topic."""
        everyone = self.subscriptions.values()
        return [each for each in everyone if each.config.topic == topic and not each.config.detached]

    def subscribe(self, config: Proto) -> None:
        """Start a subscription; it sees what is published from now on."""
        self.subscriptions[config.name] = Subscription(
            config,
            push_client=self._push_client,
            push_slots=self.push_slots,
            faults=self.faults,
            dead_letter=self._dead_letter,
        )

    async def close(self) -> None:
        """Stop every subscription and close every connection."""
        await asyncio.gather(*(each.close() for each in self.subscriptions.values()))
        await self._push_client.aclose()

    def _hand_over(self, message: Message, subscription: Subscription) -> None:
        """Give one message to one subscription: every delivery begins here, once per subscription and message."""
        if not subscription.wants(message):
            return
        fault = self.faults.take(DELIVER, subscription.short_name)
        if fault is None:
            subscription.offer(message)
        elif fault.kind == "duplicate":
            for _ in range(1 + count_of(fault)):
                subscription.offer(message)
        elif fault.kind == "reorder":
            subscription.offer(message, delay_s=fault.seconds or REORDER_LIMIT_S, behind=count_of(fault))
        else:
            subscription.offer(message, delay_s=fault.seconds)

    def _stamped(self, draft: Proto) -> Message:
        return Message(
            id=str(next(self._ids)),
            data=draft.data,
            attributes=dict(draft.attributes),
            ordering_key=draft.ordering_key,
            published_us=time.time_ns() // 1000,
        )

    def _dead_letter(self, subscription: Subscription, lease: Lease) -> bool:
        topic = subscription.config.dead_letter_policy.dead_letter_topic
        if topic not in self.topics:
            LOG.error("dead letter of %s stays: there is no topic %s", subscription.name, topic)
            return False
        (new_id,) = self.publish(topic, [_dead_letter_draft(subscription, lease)])
        where = (subscription.short_name, topic.rsplit("/", 1)[-1], new_id)
        LOG.warning(
            "dead letter: %s gave up message %s after %d attempts: now %s %s",
            where[0],
            lease.message.id,
            lease.attempt,
            *where[1:],
        )
        return True


def _dead_letter_draft(subscription: Subscription, lease: Lease) -> Proto:
    _, project, _, short_name = subscription.name.split("/")
    source = {
        "DeliveryCount": str(lease.attempt),
        "Subscription": short_name,
        "SubscriptionProject": project,
        "TopicPublishTime": publish_time(lease.message),
    }
    told = {f"CloudPubSubDeadLetterSource{name}": value for name, value in source.items()}
    draft = to_proto(lease.message)
    draft.attributes.update(told)
    return draft
