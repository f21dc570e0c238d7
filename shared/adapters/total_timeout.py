"""One time-out for a whole call: httpx2 starts its own anew with every piece that leaves or arrives.

A call is what the adapter is asked for: an upload makes several requests, and a redirect makes one more. Every wait for
the network gets what is left of the call, so that neither headers nor a body that come byte by byte outlast it. What is
not ours to bound sends no image: the look-up of a name, 10 s for each of its addresses that does not answer, a token of
google-auth's, and the seconds that the SDK pauses amid an upload. Nothing is sent after them if the time is up.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    import httpcore2
    import httpx2

_CONNECT_TIMEOUT_S = 10.0
_PIECE_BYTES = 64 * 1024


@dataclass(slots=True)
class Call:
    """A call under way: when it must have ended, on the monotonic clock, and whether the service has answered it."""

    deadline_s: float
    answered: bool = False


_call: ContextVar[Call] = ContextVar("call")


@contextmanager
def within(timeout_s: float) -> Iterator[Call]:
    """Bound all that this thread does in here over a client with the `event_hooks`.

    Raises:
        httpx2.TimeoutException: the time is up.
    """
    call = Call(time.monotonic() + timeout_s)
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


def event_hooks() -> dict[str, list[Callable[[Any], None]]]:
    """Return the hooks of a client whose every request is made `within` a time-out."""
    return {"request": [_begin], "response": [_note_answer]}


def _begin(request: httpx2.Request) -> None:
    left_s = _left_s()
    request.extensions |= {
        "timeout": {
            "pool": left_s,
            "connect": min(left_s, _CONNECT_TIMEOUT_S),
            "write": left_s,
            "read": left_s,
        },
        "trace": _note_step,
    }


def _note_answer(_: httpx2.Response) -> None:
    _call.get().answered = True


def _left_s() -> float:
    left_s = _call.get().deadline_s - time.monotonic()
    if left_s <= 0:
        import httpx2

        raise httpx2.ReadTimeout("the time for the whole call is up")
    return left_s


def _note_step(_: str, found: dict[str, Any]) -> None:
    """Take every connection in hand as soon as it is made, and once more when it has become one of TLS."""
    import httpcore2

    stream = found.get("return_value")
    if isinstance(stream, httpcore2.NetworkStream):
        _bind(stream)


def _bind(stream: httpcore2.NetworkStream) -> None:
    """Let a connection wait no longer than what is left of the call that uses it: many do, one after the other."""
    read, write, start_tls = stream.read, stream.write, stream.start_tls

    def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG001 - it began with the request
        return read(max_bytes, _left_s())

    def write_in_time(buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG001
        # In pieces: the time-out of a write, too, begins anew whenever a part of it has left.
        for start in range(0, len(buffer), _PIECE_BYTES):
            write(buffer[start : start + _PIECE_BYTES], _left_s())

    def start_tls_in_time(
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG001
    ) -> httpcore2.NetworkStream:
        return start_tls(ssl_context, server_hostname, _left_s())

    vars(stream).update(read=read_in_time, write=write_in_time, start_tls=start_tls_in_time)
