"""How Cloud Storage tells of an object: as a CloudEvent, or as a Pub/Sub notification of the bucket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shared.core import jsontext
from shared.core.events.envelopes import parse_upload, pubsub_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.events.envelopes import Upload
    from shared.core.ports import Message
    from shared.core.values import Source

FINALIZED = "google.cloud.storage.object.v1.finalized"
DELETED = "google.cloud.storage.object.v1.deleted"
_NOTIFIED = "google.cloud.pubsub.topic.v1.messagePublished"
_EVENT_TYPE = "eventType"

_NAMED = {"bucket": "bucketId", "name": "objectId", "generation": "objectGeneration"}
"""Which attributes of a notification name the object, by the fields of its resource."""

_SUBSCRIPTION = "CloudPubSubDeadLetterSourceSubscription"
_WORDS = re.compile(r"[^A-Za-z0-9]+")

STAMP = "uplook-attempt"
"""The custom metadata that every object of ours carries: the id of the attempt that wrote it.

An uploader can forge it, and gains nothing: the object is left out, and that is logged.
"""


def finalized_upload(event_type: str, data: Any) -> Upload | None:
    """Return the upload that an event tells of, or None where it tells of something else.

    A notification names what happened in its attributes
    (https://cloud.google.com/storage/docs/pubsub-notifications#attributes), a CloudEvent in its type.

    Raises:
        EventRejectedError: it tells of an upload, and is malformed.
    """
    return _told(event_type, data, cloud_event=FINALIZED, notification="OBJECT_FINALIZE")


def deleted_upload(event_type: str, data: Any) -> Upload | None:
    """Return the upload whose generation is gone, deleted or overwritten; None where an event tells of something else.

    Raises:
        EventRejectedError: it tells of a deletion, and is malformed.
    """
    return _told(event_type, data, cloud_event=DELETED, notification="OBJECT_DELETE")


def kind(attributes: Mapping[str, str]) -> str:
    """Return what a storage event's message calls what happened, whichever way it came; `` where it does not say."""
    return attributes.get("ce-type") or attributes.get(_EVENT_TYPE) or ""


def is_deletion(kind: str) -> bool:
    """Whether that is the word for a deletion."""
    return kind in {DELETED, "OBJECT_DELETE"}


def _told(event_type: str, data: Any, *, cloud_event: str, notification: str) -> Upload | None:
    if event_type == cloud_event:
        return parse_upload(data)
    if event_type == _NOTIFIED:
        message = pubsub_message(data)
        told = message.attributes.get(_EVENT_TYPE) == notification
        return parse_upload(resource(message)) if told else None
    return None


def resource(message: Message) -> bytes:
    """Return the object resource that a notification carries; of one without payload, what its attributes say of it.

    That is which object, and no more: size, type and the uploader's metadata are unknown then.
    """
    named = {field: message.attributes[key] for field, key in _NAMED.items() if key in message.attributes}
    return jsontext.dump_compact(named) if not message.data and named else message.data


def subscription(attributes: Mapping[str, str]) -> str:
    """Return the subscription that gave a dead letter up, by its name; `` where that is not known."""
    return attributes.get(_SUBSCRIPTION, "")


def is_for(function: str, *, subscription: str) -> bool:
    """Whether a subscription is that of a function, by its name: Eventarc, too, puts the function's into its own.

    >>> is_for("forget", subscription="eventarc-us-central1-uplook-forget-123-sub-456")
    True
    >>> is_for("forget", subscription="eventarc-us-central1-uplook-ingest-123-sub-456")
    False
    """
    return function in _WORDS.split(subscription)


def own_output(upload: Upload, *, results_bucket: str, results_prefix: str) -> str | None:
    """Return why an object is no upload but a result (of whatever deployment), or None.

    Either sign is enough. The prefix tells this deployment's results, also where something copied them without
    their metadata; the stamp tells those of another deployment, so that a chain of two ends at its first hop.
    """
    if lies_among_results(upload.source, results_bucket=results_bucket, results_prefix=results_prefix):
        return "it lies below the results' prefix"
    if STAMP in upload.metadata:
        return f"it carries the metadata {STAMP}: Uplook wrote it"
    return None


def lies_among_results(source: Source, *, results_bucket: str, results_prefix: str) -> bool:
    """Whether an object of a bucket that holds uploads and results is one of the results."""
    return bool(results_prefix) and source.bucket == results_bucket and source.name.startswith(results_prefix)
