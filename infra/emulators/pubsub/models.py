"""A published message as a value, and its form on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.pubsub_v1.types import pubsub, schema

if TYPE_CHECKING:
    from collections.abc import Mapping

Proto = Any
"""A protocol buffer message: the classes that google-cloud-pubsub ships carry no types."""

ATTRIBUTE_OVERHEAD_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One published message; `published_us` is in microseconds since the epoch."""

    id: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    published_us: int

    @property
    def size(self) -> int:
        """An upper bound of the encoded size, in bytes."""
        pairs = sum(len(k.encode()) + len(v.encode()) + ATTRIBUTE_OVERHEAD_BYTES for k, v in self.attributes.items())
        return len(self.data) + pairs + len(self.ordering_key) * 4 + 256


def proto(name: str) -> Proto:
    """Return the message class of the Pub/Sub API with this name."""
    return (getattr(pubsub, name, None) or getattr(schema, name)).pb()


def to_proto(message: Message) -> Proto:
    """Return the message as the API shows it."""
    wire = proto("PubsubMessage")(
        data=message.data,
        attributes=message.attributes,
        message_id=message.id,
        ordering_key=message.ordering_key,
    )
    wire.publish_time.FromMicroseconds(message.published_us)
    return wire
