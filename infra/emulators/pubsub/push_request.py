"""The HTTP request of one push, as a pure function of message and configuration.

Wrapped and unwrapped bodies: https://cloud.google.com/pubsub/docs/push and .../docs/payload-unwrapping.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .models import Message, Proto

ACKS = frozenset({102, 200, 201, 202, 204})
"""Every other answer, and none within the ack deadline, asks for another delivery."""

TOKEN_LIFETIME_S = 3600
CLOUD_EVENTS_MODE = "__GCP_CloudEventsMode"
CLOUD_EVENT_TYPES = {
    "OBJECT_FINALIZE": "google.cloud.storage.object.v1.finalized",
    "OBJECT_DELETE": "google.cloud.storage.object.v1.deleted",
    "OBJECT_ARCHIVE": "google.cloud.storage.object.v1.archived",
    "OBJECT_METADATA_UPDATE": "google.cloud.storage.object.v1.metadataUpdated",
}
"""What a bucket's notification calls an event, and what Eventarc does."""

# Percent-encode space, double quote, percent, and all but U+0021 to U+007E.
_HEADER_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_ILLEGAL = re.compile(r"^[ \t]+|[ \t]+$|[^\t\x20-\x7e]")
_RESERVED = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that frame the request: an attribute of such a name would break it."""


@dataclass(frozen=True, slots=True)
class PushRequest:
    """One POST, ready to be sent; header names are lower case."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def push_request(config: Proto, message: Message, *, attempt: int, now_s: float) -> PushRequest:
    """Return the request that delivers `message`; `now_s` (epoch) stamps the token."""
    push = config.push_config
    headers = {"user-agent": "CloudPubSub-Google"}
    event = _cloud_event(push.push_endpoint, message)
    if event is not None:
        headers |= event
        body = message.data
    elif push.HasField("no_wrapper"):
        headers["content-type"] = "application/octet-stream"
        if push.no_wrapper.write_metadata:
            headers |= attribute_headers(message.attributes) | _metadata_headers(config.name, message)
        body = message.data
    else:
        headers["content-type"] = "application/json"
        shown = attempt if config.HasField("dead_letter_policy") else None
        body = json.dumps(wrapped(config.name, message, shown)).encode()
    if push.HasField("oidc_token"):
        headers["authorization"] = f"Bearer {unsigned_token(push, now_s)}"
    return PushRequest(push.push_endpoint, headers, body)


def wrapped(subscription: str, message: Message, attempt: int | None) -> dict[str, Any]:
    """Return the JSON document of a wrapped push; `attempt` None: there is no dead-letter policy."""
    published = publish_time(message)
    envelope: dict[str, Any] = {
        "messageId": message.id,
        "message_id": message.id,
        "publishTime": published,
        "publish_time": published,
    }
    # Fields that are empty are left out, as the service does.
    if message.attributes:
        envelope["attributes"] = dict(message.attributes)
    if message.data:
        envelope["data"] = base64.b64encode(message.data).decode()
    if message.ordering_key:
        envelope["orderingKey"] = message.ordering_key
    document: dict[str, Any] = {"message": envelope, "subscription": subscription}
    return document if attempt is None else document | {"deliveryAttempt": attempt}


def publish_time(message: Message) -> str:
    """Return the publish time as the service writes it: RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(message.published_us / 1e6, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def attribute_headers(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that can be headers; what no header value may hold is percent-encoded as UTF-8."""
    return {
        key.lower(): _HEADER_ILLEGAL.sub(_percent, value)
        for key, value in attributes.items()
        if _HEADER_NAME.fullmatch(key) and key.lower() not in _RESERVED
    }


def unsigned_token(push: Proto, now_s: float) -> str:
    """Return a token with the claims of Google's, but no signature: it proves nothing (alg none)."""
    email = push.oidc_token.service_account_email
    claims = {
        "iss": "https://accounts.google.com",
        "aud": push.oidc_token.audience or push.push_endpoint,
        "sub": email,
        "email": email,
        "email_verified": True,
        "iat": int(now_s),
        "exp": int(now_s) + TOKEN_LIFETIME_S,
    }
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _cloud_event(endpoint: str, message: Message) -> dict[str, str] | None:
    """Return the headers of the CloudEvent that Eventarc's push makes of a bucket's notification, or None.

    The endpoint of a storage trigger asks for it: `?__GCP_CloudEventsMode=GCS_NOTIFICATION`. The body is the object.
    """
    modes = parse_qs(urlsplit(endpoint).query).get(CLOUD_EVENTS_MODE, [])
    told, kind = message.attributes, CLOUD_EVENT_TYPES.get(message.attributes.get("eventType", ""))
    if modes != ["GCS_NOTIFICATION"] or kind is None:
        return None
    headers = {
        "content-type": "application/json",
        "ce-id": message.id,
        "ce-specversion": "1.0",
        "ce-type": kind,
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{told.get('bucketId', '')}",
        "ce-subject": f"objects/{told.get('objectId', '')}",
        "ce-time": publish_time(message),
        "ce-bucket": told.get("bucketId", ""),
    }
    return {key: header_value(value) if key == "ce-subject" else value for key, value in headers.items()}


def header_value(text: str) -> str:
    """Return `text` as the CloudEvents HTTP binding (3.1.3.2) writes it into a header."""
    return quote(text, safe=_HEADER_SAFE)


def _metadata_headers(subscription: str, message: Message) -> dict[str, str]:
    metadata = {
        "x-goog-pubsub-subscription-name": subscription,
        "x-goog-pubsub-message-id": message.id,
        "x-goog-pubsub-publish-time": publish_time(message),
    }
    key = {"x-goog-pubsub-ordering-key": message.ordering_key} if message.ordering_key else {}
    return attribute_headers(metadata | key)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _segment(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
