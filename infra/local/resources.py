"""Create the stack's buckets, topics and subscriptions with the ordinary clients, on any server that speaks them."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

import grpc
from google.api_core.exceptions import AlreadyExists, Conflict, NotFound, ServiceUnavailable
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, PushConfig, RetryPolicy
from google.pubsub_v1.types import Subscription as Wanted

from infra.local import topology

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.topology import Subscription

AS_CLOUD_EVENTS = "?__GCP_CloudEventsMode=GCS_NOTIFICATION"
"""Ends the endpoint of an Eventarc trigger's subscription; Google's own emulator pushes Pub/Sub's JSON all the same."""

_TIMEOUT_S = 5.0
_PATIENCE_S = 15.0
"""For a server on this machine; the clients' own patience is ten minutes, in silence."""


def publisher(host: str) -> PublisherClient:
    """Return a publisher of the emulator at `host:port`."""
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(host)))


def subscriber(host: str) -> SubscriberClient:
    """Return a subscriber of the emulator at `host:port`."""
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(host)))


def storage_client(url: str) -> storage.Client:
    """Return a storage client of the emulator at `url`."""
    return storage.Client(
        project=topology.PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url},
    )


def create_topics(host: str) -> None:
    """Create every topic that does not exist."""
    client = publisher(host)
    retry = Retry(predicate=if_exception_type(ServiceUnavailable), initial=0.1, timeout=_PATIENCE_S)
    for topic in topology.TOPICS:
        try:
            client.create_topic(name=topology.topic_path(topic), timeout=_TIMEOUT_S, retry=retry)
        except AlreadyExists:
            continue


def create_buckets(url: str, *, notify: bool) -> None:
    """Create every bucket that does not exist; `notify` asks a foreign server to publish what is uploaded."""
    client = storage_client(url)
    for name in topology.BUCKETS:
        try:
            client.create_bucket(name, timeout=_TIMEOUT_S, retry=DEFAULT_RETRY.with_timeout(_PATIENCE_S))
        except Conflict:
            continue
    if notify:
        _notify(client.bucket(topology.UPLOADS))


def create_subscriptions(host: str, ports: Mapping[str, int], *, cloud_events: bool) -> None:
    """Create the push subscriptions anew, each to the port where its function listens, if it does.

    `cloud_events` says whether the server makes CloudEvents of storage events, as Eventarc's does.
    """
    client = subscriber(host)
    for wanted in topology.SUBSCRIPTIONS:
        path = topology.subscription_path(wanted.name)
        with contextlib.suppress(NotFound):
            client.delete_subscription(subscription=path)  # one of an earlier stack points to a dead port
        if wanted.function in ports:
            client.create_subscription(request=_subscription(path, wanted, ports[wanted.function], cloud_events))


def _notify(bucket: storage.Bucket) -> None:
    if all(each.topic_name != topology.UPLOAD_EVENTS for each in bucket.list_notifications()):
        bucket.notification(
            topology.UPLOAD_EVENTS, topic_project=topology.PROJECT, payload_format="JSON_API_V1"
        ).create()


def _subscription(path: str, wanted: Subscription, port: int, cloud_events: bool) -> Wanted:  # noqa: FBT001 - private
    topic = topology.topic_path(wanted.topic)
    path_and_query = AS_CLOUD_EVENTS if wanted.cloud_event and cloud_events else topic
    dead_letters = None
    if wanted.attempts is not None:
        dead_letters = DeadLetterPolicy(
            dead_letter_topic=topology.topic_path(topology.IMAGE_DEAD), max_delivery_attempts=wanted.attempts
        )
    return Wanted(
        name=path,
        topic=topic,
        push_config=PushConfig(push_endpoint=f"http://127.0.0.1:{port}/{path_and_query}"),
        ack_deadline_seconds=topology.ACK_DEADLINE_S,
        filter=wanted.message_filter,
        retry_policy=RetryPolicy(
            minimum_backoff=dt.timedelta(seconds=wanted.min_backoff_s),
            maximum_backoff=dt.timedelta(seconds=wanted.max_backoff_s),
        ),
        dead_letter_policy=dead_letters,
    )
