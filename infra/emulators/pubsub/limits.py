"""Names and sizes that the service accepts (https://cloud.google.com/pubsub/quotas, pubsub.proto)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import invalid

if TYPE_CHECKING:
    from .models import Proto

MAX_REQUEST_BYTES = 10_000_000
MAX_MESSAGES = 1000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024

_NAME = re.compile(
    r"projects/[a-z0-9][a-z0-9.:_-]*/(?P<kind>topics|subscriptions|snapshots|schemas)/(?!goog)[A-Za-z][\w.~+%-]{2,254}",
    re.ASCII,
)


def check_name(kind: str, name: str) -> None:
    """Refuse a name that is not `projects/PROJECT/KIND/ID` with a legal id."""
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] != kind:
        raise invalid(
            f"Invalid [{kind}] name: (name={name}): expected projects/PROJECT/{kind}/ID, where ID has 3 to 255 letters,"
            " digits and -_.~+%, starts with a letter and not with goog."
        )


def check_publish(request: Proto) -> None:
    """Refuse a publish request that is too large, or has a message that nobody could receive."""
    if not 0 < len(request.messages) <= MAX_MESSAGES:
        raise invalid(f"Expected 1 to {MAX_MESSAGES} messages in one request, found {len(request.messages)}.")
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise invalid(f"The request has {request.ByteSize()} bytes, at most {MAX_REQUEST_BYTES} are allowed.")
    for message in request.messages:
        _check_message(message)


def _check_message(message: Proto) -> None:
    if not message.data and not message.attributes:
        raise invalid("A message is empty: it needs data, or at least one attribute.")
    if len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise invalid(f"An ordering key is longer than {MAX_ORDERING_KEY_BYTES} bytes.")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise invalid(f"A message has {len(message.attributes)} attributes, at most {MAX_ATTRIBUTES} are allowed.")
    for key, value in message.attributes.items():
        if not 0 < len(key.encode()) <= MAX_KEY_BYTES:
            raise invalid(f"An attribute's key must have 1 to {MAX_KEY_BYTES} bytes, found {len(key.encode())}.")
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise invalid(
                f"The attribute {key} has {len(value.encode())} bytes, at most {MAX_VALUE_BYTES} are allowed."
            )
