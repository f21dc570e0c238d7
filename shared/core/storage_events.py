"""How Cloud Storage tells of an upload: as a CloudEvent, or as a Pub/Sub notification of the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.core.envelopes import parse_upload, pubsub_message

if TYPE_CHECKING:
    from shared.core.envelopes import Upload

FINALIZED = "google.cloud.storage.object.v1.finalized"
_NOTIFIED = "google.cloud.pubsub.topic.v1.messagePublished"


def finalized_upload(event_type: str, data: Any) -> Upload | None:
    """Return the upload that an event tells of, or None where it tells of something else.

    A notification names what happened in its attributes
    (https://cloud.google.com/storage/docs/pubsub-notifications#attributes), a CloudEvent in its type.

    Raises:
        EventRejectedError: it tells of an upload, and is malformed.
    """
    if event_type == FINALIZED:
        return parse_upload(data)
    if event_type == _NOTIFIED:
        message = pubsub_message(data)
        return parse_upload(message.data) if message.attributes.get("eventType") == "OBJECT_FINALIZE" else None
    return None
