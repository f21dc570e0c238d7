"""What Pub/Sub and Eventarc post to a function, one request after another or many at once."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from infra.local import topology

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIMEOUT_S = 600.0
_DONE = range(200, 300)


class NotDoneError(RuntimeError):
    """A function answered that it has not done its work: what it took is no measurement."""


@dataclass(frozen=True, slots=True)
class Push:
    """One request: headers and body."""

    headers: Mapping[str, str]
    body: bytes


def message(data: bytes, attributes: Mapping[str, str]) -> Push:
    """Return what a push subscription posts."""
    inside = {
        "data": base64.b64encode(data).decode(),
        "messageId": "1",
        "publishTime": "2026-11-21T09:00:00Z",
        "attributes": dict(attributes),
    }
    document = {"message": inside, "subscription": topology.subscription_path("bench")}
    return Push({"Content-Type": "application/json"}, json.dumps(document).encode())


def storage_event(kind: str, resource: Mapping[str, Any]) -> Push:
    """Return what Eventarc posts of an object: `kind` is `finalized` or `deleted`."""
    headers = {
        "ce-id": "1",
        "ce-specversion": "1.0",
        "ce-type": f"google.cloud.storage.object.v1.{kind}",
        "ce-source": f"//storage.googleapis.com/projects/_/buckets/{resource['bucket']}",
        "Content-Type": "application/json",
    }
    return Push(headers, json.dumps(resource).encode())


def post(port: int, pushes: Sequence[Push], *, at_once: int = 1) -> None:
    """Post all of them to a function of this machine, each over one of so many connections.

    Raises:
        NotDoneError: it answers other than 2xx.
    """
    left, failed = deque(pushes), deque[BaseException]()

    def run() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        try:
            while left and not failed:
                _post(connection, left.popleft())
        except IndexError:  # another thread took the last one
            pass
        except Exception as error:  # noqa: BLE001 - it is raised where the pushes are wanted
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(at_once)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failed:
        raise failed[0]


class Posting:
    """One push on its way."""

    def __init__(self, port: int, push: Push) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(port, push), daemon=True)
        self._thread.start()

    def ended(self) -> bool:
        """Whether there is an answer."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the answer.

        Raises:
            NotDoneError: it is other than 2xx.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, port: int, push: Push) -> None:
        try:
            post(port, [push])
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            self._error = error


def _post(connection: HTTPConnection, push: Push) -> None:
    connection.request("POST", "/", push.body, dict(push.headers))
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in _DONE:
        raise NotDoneError(f"Expected 2xx of the function, found {answer.status}: {said[:500]!r}.")
