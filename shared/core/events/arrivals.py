"""What a delivery says of itself: when its message was published, and how often it has been delivered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery. `published_ns` is nanoseconds since 1970 by the service's clock; None where it is not told.

    `delivery_attempt` counts from 1; Pub/Sub tells it only where the subscription has dead letters.
    """

    attributes: Mapping[str, str] = field(default_factory=dict)
    published_ns: int | None = None
    message_id: str | None = None
    subscription: str | None = None
    delivery_attempt: int | None = None


def arrival(data: Any, *, time: object, push: Any) -> Arrival:
    """Read a delivery from its CloudEvent's data and `time`, and the request's body; never raises, whatever they hold.

    >>> arrival({"message": {"messageId": "7"}}, time="1970-01-01T00:00:01Z", push={"deliveryAttempt": 2})
    Arrival(attributes={}, published_ns=1000000000, message_id='7', subscription=None, delivery_attempt=2)
    """
    data, push = (each if isinstance(each, Mapping) else {} for each in (data, push))
    message = data.get("message")
    message = message if isinstance(message, Mapping) else {}
    attributes = message.get("attributes")
    texts = attributes.items() if isinstance(attributes, Mapping) else ()
    attempt = push.get("deliveryAttempt")
    return Arrival(
        attributes={key: value for key, value in texts if isinstance(key, str) and isinstance(value, str)},
        published_ns=_nanoseconds(message.get("publishTime")) or _nanoseconds(time),
        message_id=_text(message.get("messageId")),
        subscription=_text(push.get("subscription")),
        delivery_attempt=attempt if isinstance(attempt, int) and not isinstance(attempt, bool) else None,
    )


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None


def _nanoseconds(found: object) -> int | None:
    """Return an RFC 3339 time as nanoseconds since 1970."""
    if not isinstance(found, str):
        return None
    try:
        at = dt.datetime.fromisoformat(found)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    since = at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since // dt.timedelta(microseconds=1)) * 1000
