"""What Pub/Sub and Eventarc post to a function, and what its answer means to them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.events.envelopes import format_image_event
from tests.rig import UPLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.test import Client

    from shared.core.events.envelopes import ImageEvent

MAIN = str(Path(__file__).resolve().parents[2] / "main.py")
OK, AGAIN, CRASHED = 200, 503, 500


def push_body(data: bytes, attributes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what a Pub/Sub push subscription posts; there is no key for attributes where there are none."""
    message: dict[str, Any] = {
        "data": base64.b64encode(data).decode(),
        "messageId": "1",
        "publishTime": "2026-11-21T09:00:00Z",
        **({"attributes": dict(attributes)} if attributes else {}),
    }
    return {"message": message, "subscription": "projects/local-dev/subscriptions/s"}


def push(client: Client, event: ImageEvent, *, attributes: Mapping[str, str] | None = None) -> int:
    """Post an image event the way a push subscription does; return the status."""
    path = "/projects/local-dev/topics/image-events"
    return client.post(path, json=push_body(format_image_event(event).data, attributes)).status_code


def storage_event(kind: str = "finalized", **resource: str) -> dict[str, Any]:
    """Return headers and data of a storage CloudEvent, as an unwrapped push of Eventarc delivers it."""
    data = {"bucket": UPLOADS, "name": "cat.jpg", "generation": "17", "size": "5", "contentType": "image/jpeg"}
    headers = {
        "ce-id": "e1",
        "ce-specversion": "1.0",
        "ce-type": f"google.cloud.storage.object.v1.{kind}",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/uploads",
        "content-type": "application/json",
    }
    return {"headers": headers, "data": json.dumps(data | resource)}
