"""The messages an object change becomes: CloudEvents as Eventarc sends them, and Pub/Sub notifications."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .models import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .models import Bucket, Version

CLOUD_EVENT_TYPES = {
    "OBJECT_FINALIZE": "google.cloud.storage.object.v1.finalized",
    "OBJECT_DELETE": "google.cloud.storage.object.v1.deleted",
    "OBJECT_ARCHIVE": "google.cloud.storage.object.v1.archived",
    "OBJECT_METADATA_UPDATE": "google.cloud.storage.object.v1.metadataUpdated",
}
TOPIC_HOST = "//pubsub.googleapis.com/"
MAX_ATTRIBUTE_BYTES = 1024
"""The longest attribute value Pub/Sub takes."""

# CloudEvents HTTP binding, 3.1.3.2: percent-encode space, double quote, percent, and all but U+0021 to U+007E.
_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to an object."""

    event: str
    """A key of `CLOUD_EVENT_TYPES`."""
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
    """Return everything that is to be published about `change`, each message with an id of its own."""
    return [
        *(cloud_event(topic, change, event_id=uuid.uuid4().hex) for topic in eventarc_topics),
        *(notification(c, change) for c in bucket.notifications.values() if _wants(c, change)),
    ]


def cloud_event(topic: str, change: Change, *, event_id: str) -> Message:
    """Return the message whose unwrapped push, with its attributes as headers, is a binary CloudEvent."""
    version = change.version
    attributes = {
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-type": CLOUD_EVENT_TYPES[change.event],
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{version.bucket}",
        "ce-time": timestamp(),
        "ce-bucket": version.bucket,
        "content-type": "application/json",
    }
    subject = header_value(f"objects/{version.name}")
    # The subject is optional, and encoding can treble a name: too long for Pub/Sub, it is left to the data.
    if len(subject) <= MAX_ATTRIBUTE_BYTES:
        attributes["ce-subject"] = subject
    return Message(topic, attributes, _data(version))


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


def header_value(text: str) -> str:
    """Return `text` as the CloudEvents HTTP binding writes it into a header."""
    return quote(text, safe=_HEADER_SAFE)


def _wants(config: Mapping[str, Any], change: Change) -> bool:
    types = config.get("event_types") or CLOUD_EVENT_TYPES
    return change.event in types and change.version.name.startswith(config.get("object_name_prefix", ""))


def _data(version: Version) -> bytes:
    return json.dumps(version.resource()).encode()
