"""What the functions of a local stack do, line by line in one file: deliveries, how they ended, and all that is logged.

The functions append to it, and the viewer reads it to tell an image's story: which attempt it was, what was tried again
and why. Cloud Logging has all this of a deployment; a local stack has this file.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.core.events.envelopes import source_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE_VARIABLE: Final = "UPLOOK_ACTIVITY"
FUNCTION_VARIABLE: Final = "UPLOOK_FUNCTION"
FILE: Final = "activity.jsonl"
DELIVERED, ANSWERED = "delivered", "answered"
_MAX_READ_BYTES = 2**20
_REDIRECTIONS = 300


@dataclass(frozen=True, slots=True)
class Activity:
    """One line: when (RFC 3339), which function, what happened in words, and about which object, if it said so."""

    at: str
    function: str
    what: str
    bucket: str = ""
    name: str = ""
    generation: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def append(path: Path, activity: Activity) -> None:
    """Append one line; several processes may do so at once."""
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps(asdict(activity), default=str).encode() + b"\n")


def of_push(function: str, at: str, headers: Mapping[str, str], body: bytes) -> Activity | None:
    """Return the delivery that a push is: a Pub/Sub message, or the CloudEvent of a storage event; None if neither."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    message = document.get("message")
    if isinstance(message, dict):
        try:
            data = base64.b64decode(str(message.get("data") or ""), validate=True)
        except binascii.Error:
            return None
        event, attempt = message.get("messageId"), document.get("deliveryAttempt")
    else:
        data, event, attempt = body, headers.get("ce-id"), None
    source = source_named(data)
    if source is None:
        return None
    details = {"event": event, "delivery": attempt} | _asked(data)
    return Activity(at, function, DELIVERED, source.bucket, source.name, str(source.generation), details)


def of_record(function: str, at: str, line: Mapping[str, Any]) -> Activity:
    """Return what a line of a function's log says."""
    known = {"message", "bucket", "object", "generation"}
    details = {key: value for key, value in line.items() if key not in known}
    bucket, name, generation = (str(line.get(key) or "") for key in ("bucket", "object", "generation"))
    return Activity(at, function, str(line.get("message", "")), bucket, name, generation, details)


def _asked(data: bytes) -> dict[str, Any]:
    document = json.loads(data)
    tasks = [document.get("task"), *(each.get("task") for each in document.get("with") or ())]
    named = [task for task in tasks if isinstance(task, str)]
    return {"task": "+".join(named), "run": document.get("run")} if named else {}


def is_refusal(line: Activity) -> bool:
    """Return whether a function has answered a delivery in a way that brings it again."""
    status = line.details.get("status")
    return line.what == ANSWERED and not (isinstance(status, int) and status < _REDIRECTIONS)


class Tail:
    """Reads what was appended to a file since it was last asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._rest = b""

    def read(self) -> Iterator[Activity]:
        """Yield the new lines; none where there is no file yet."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._at)
            while data := file.read(_MAX_READ_BYTES):
                self._at += len(data)
                *lines, self._rest = (self._rest + data).split(b"\n")
                yield from (parse(line) for line in lines if line)


def parse(line: bytes) -> Activity:
    """Read a line.

    Raises:
        ValueError, TypeError: it is none.
    """
    return Activity(**json.loads(line))
