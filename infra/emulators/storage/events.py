"""The messages an object change becomes: Pub/Sub notifications, which is what Eventarc's own topic carries, too.

Its subscription pushes them to `?__GCP_CloudEventsMode=GCS_NOTIFICATION`, and becomes a CloudEvent on the way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .models import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .models import Bucket, Version

EVENT_TYPES = ("OBJECT_FINALIZE", "OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE")
TOPIC_HOST = "//pubsub.googleapis.com/"
EVENTARC_ID = "1"
"""The number of the notification that Eventarc makes for its trigger, which it lists nowhere."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to an object."""

    event: str
    """One of `EVENT_TYPES`."""
    version: Version
    extra: Mapping[str, str] = field(default_factory=dict)
    """Attributes of a notification that only some events have, such as `overwroteGeneration`."""


@dataclass(frozen=True, slots=True)
class Message:
    """A Pub/Sub message and the topic it goes to, as `projects/P/topics/T`."""

    topic: str
    attributes: Mapping[str, str]
    data: bytes


def messages(bucket: Bucket, change: Change, eventarc_topics: Iterable[str]) -> list[Message]:
    """Return everything that is to be published about `change`."""
    eventarc = {"id": EVENTARC_ID, "payload_format": "JSON_API_V1"}
    return [
        *(notification({**eventarc, "topic": topic}, change) for topic in eventarc_topics),
        *(notification(c, change) for c in bucket.notifications.values() if _wants(c, change)),
    ]


def notification(config: Mapping[str, Any], change: Change) -> Message:
    """Return the message a notification configuration asks for."""
    version = change.version
    payload_format = str(config["payload_format"])
    attributes = {
        **config.get("custom_attributes", {}),
        "notificationConfig": f"projects/_/buckets/{version.bucket}/notificationConfigs/{config['id']}",
        "eventType": change.event,
        "payloadFormat": payload_format,
        "bucketId": version.bucket,
        "objectId": version.name,
        "objectGeneration": str(version.generation),
        "eventTime": timestamp(),
        **change.extra,
    }
    data = _data(version) if payload_format == "JSON_API_V1" else b""
    return Message(str(config["topic"]).removeprefix(TOPIC_HOST), attributes, data)


def _wants(config: Mapping[str, Any], change: Change) -> bool:
    types = config.get("event_types") or EVENT_TYPES
    return change.event in types and change.version.name.startswith(config.get("object_name_prefix", ""))


def _data(version: Version) -> bytes:
    return json.dumps(version.resource()).encode()
