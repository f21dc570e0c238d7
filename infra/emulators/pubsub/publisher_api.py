"""The Publisher service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .broker import DELETED_TOPIC, Broker
from .errors import check_new, need
from .limits import check_publish
from .models import proto
from .paging import page, within
from .resources import new_topic, replaced, updated

if TYPE_CHECKING:
    from .models import Proto


class PublisherApi:
    """Topics and what is published to them; one method per RPC, named as in the API."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._topics = broker.topics

    def create_topic(self, request: Proto) -> Proto:
        """Create a topic."""
        topic = new_topic(request)
        check_new(self._topics, topic.name)
        self._broker.schemas.check_topic(topic)
        self._topics[topic.name] = topic
        return topic

    def get_topic(self, request: Proto) -> Proto:
        """Return a topic."""
        return need(self._topics, request.topic)

    def update_topic(self, request: Proto) -> Proto:
        """Change the fields that the mask names."""
        current = need(self._topics, request.topic.name)
        topic = updated(current, request.topic, request.update_mask)
        self._broker.schemas.check_topic(topic)
        self._topics[topic.name] = topic
        return topic

    def delete_topic(self, request: Proto) -> None:
        """Delete a topic; its subscriptions stay, with nothing more to come."""
        need(self._topics, request.topic)
        for subscription in self._broker.subscriptions.values():
            if subscription.config.topic == request.topic:
                subscription.config.topic = DELETED_TOPIC
        del self._topics[request.topic]
        self._broker.published.pop(request.topic, None)

    def list_topics(self, request: Proto) -> Proto:
        """List the topics of a project."""
        topics, following = page(within(request.project, self._topics), request)
        return proto("ListTopicsResponse")(topics=topics, next_page_token=following)

    def list_topic_subscriptions(self, request: Proto) -> Proto:
        """List the names of a topic's attached subscriptions."""
        need(self._topics, request.topic)
        names, following = page({each.name: each.name for each in self._broker.subscribers(request.topic)}, request)
        return proto("ListTopicSubscriptionsResponse")(subscriptions=names, next_page_token=following)

    def list_topic_snapshots(self, request: Proto) -> Proto:
        """List the names of a topic's snapshots."""
        need(self._topics, request.topic)
        snapshots = self._broker.snapshots.items()
        names, following = page({name: name for name, each in snapshots if each.config.topic == request.topic}, request)
        return proto("ListTopicSnapshotsResponse")(snapshots=names, next_page_token=following)

    def detach_subscription(self, request: Proto) -> Proto:
        """Cut a subscription off its topic and drop what it had left."""
        subscription = need(self._broker.subscriptions, request.subscription)
        subscription.reconfigure(replaced(subscription.config, detached=True))
        return proto("DetachSubscriptionResponse")()

    def publish(self, request: Proto) -> Proto:
        """Publish messages."""
        topic = need(self._topics, request.topic)
        check_publish(request)
        self._broker.schemas.stamp(topic, request.messages)
        return proto("PublishResponse")(message_ids=self._broker.publish(request.topic, request.messages))
