"""Both ways in which Cloud Storage tells of an upload give the same upload; everything else is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.core.errors import EventRejectedError
from shared.core.events.envelopes import Upload
from shared.core.events.storage_events import (
    DELETED,
    FINALIZED,
    deleted_upload,
    finalized_upload,
    is_deletion,
    kind,
    resource,
)
from shared.core.ports import Message
from shared.core.values import Source
from tests.rig import WITHOUT_PAYLOAD

NOTIFIED = "google.cloud.pubsub.topic.v1.messagePublished"
RESOURCE = {"bucket": "uploads", "name": "cat.jpg", "generation": "17", "size": "5"}


def _notification(event_type: str, resource: Any = RESOURCE) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(resource).encode()).decode()
    return {"message": {"data": data, "attributes": {"eventType": event_type, "bucketId": "uploads"}}}


def test_a_cloud_event_and_a_notification_tell_of_the_same_upload() -> None:
    told = finalized_upload(FINALIZED, RESOURCE)

    assert told is not None
    assert told == finalized_upload(NOTIFIED, _notification("OBJECT_FINALIZE"))
    assert (told.source.bucket, told.source.name, told.source.generation) == ("uploads", "cat.jpg", 17)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        (NOTIFIED, _notification("OBJECT_DELETE")),
        (NOTIFIED, {"message": {"data": ""}}),
        ("google.cloud.storage.object.v1.deleted", RESOURCE),
        ("something.else", None),
    ],
)
def test_other_events_tell_of_no_upload(event_type: str, data: Any) -> None:
    assert finalized_upload(event_type, data) is None


@pytest.mark.parametrize(("event_type", "data"), [(FINALIZED, {}), (NOTIFIED, _notification("OBJECT_FINALIZE", []))])
def test_a_malformed_upload_is_refused(event_type: str, data: Any) -> None:
    with pytest.raises(EventRejectedError):
        finalized_upload(event_type, data)


@pytest.mark.fault(124)
@pytest.mark.parametrize("data", [{}, {"data": ""}])
def test_a_notification_without_payload_names_its_object_in_its_attributes(data: dict[str, str]) -> None:
    told = finalized_upload(NOTIFIED, {"message": {**data, "attributes": WITHOUT_PAYLOAD}})

    assert told == Upload(Source("uploads", "cat.jpg", 17, None, None, None))


@pytest.mark.fault(124)
@pytest.mark.parametrize("missing", ["bucketId", "objectId", "objectGeneration"])
def test_a_notification_without_payload_that_names_no_object_is_refused(missing: str) -> None:
    attributes = {key: value for key, value in WITHOUT_PAYLOAD.items() if key != missing}

    with pytest.raises(EventRejectedError):
        finalized_upload(NOTIFIED, {"message": {"attributes": attributes}})


def test_a_payload_is_believed_and_not_the_attributes() -> None:
    data = json.dumps(RESOURCE).encode()

    assert resource(Message(data, WITHOUT_PAYLOAD | {"objectId": "other.jpg"})) == data


def test_a_cloud_event_and_a_notification_tell_of_the_same_deletion() -> None:
    told = deleted_upload(DELETED, RESOURCE)

    assert told is not None
    assert told == deleted_upload(NOTIFIED, _notification("OBJECT_DELETE"))
    assert (told.source.bucket, told.source.name, told.source.generation) == ("uploads", "cat.jpg", 17)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        (FINALIZED, RESOURCE),
        (NOTIFIED, _notification("OBJECT_FINALIZE")),
        (NOTIFIED, _notification("OBJECT_ARCHIVE")),
        ("google.cloud.storage.object.v1.archived", RESOURCE),
    ],
)
def test_an_object_that_still_exists_is_not_deleted(event_type: str, data: Any) -> None:
    """Archived: in a bucket with versions, the generation is live no longer, and can be read still."""
    assert deleted_upload(event_type, data) is None


@pytest.mark.parametrize(
    ("attributes", "deletion"),
    [
        ({"ce-type": DELETED}, True),
        ({"eventType": "OBJECT_DELETE"}, True),
        ({"ce-type": FINALIZED}, False),
        ({"eventType": "OBJECT_FINALIZE"}, False),
        ({}, False),
    ],
)
def test_a_messages_attributes_tell_a_deletion(attributes: dict[str, str], *, deletion: bool) -> None:
    assert is_deletion(kind(attributes)) is deletion
