"""A time-out for a whole answer: httpx2 starts its own anew with every piece that arrives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BEGUN = "uplook.begun_s"


def event_hooks() -> dict[str, list[Callable[[Any], None]]]:
    """Return hooks for a client after which a request's read time-out bounds its whole answer, body included."""
    return {"request": [_note_beginning], "response": [_bound]}


def _note_beginning(request: httpx2.Request) -> None:
    request.extensions[_BEGUN] = time.monotonic()


def _bound(response: httpx2.Response) -> None:
    extensions = response.request.extensions
    timeout_s = extensions.get("timeout", {}).get("read")
    if timeout_s is not None and isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _Bounded(response.stream, extensions[_BEGUN] + timeout_s)


class SlowAnswerError(httpx2.ReadTimeout):
    """Every piece came in time, the whole did not."""


class _Bounded(httpx2.SyncByteStream):
    """A body that must have arrived by `deadline_s` on the monotonic clock."""

    def __init__(self, stream: httpx2.SyncByteStream, deadline_s: float) -> None:
        self._stream = stream
        self._deadline_s = deadline_s

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            if time.monotonic() > self._deadline_s:
                raise SlowAnswerError("the answer was not whole in time")
            yield chunk

    def close(self) -> None:
        self._stream.close()
