"""Asks a web server, and reads its answer: never more of it than asked for, whatever it says of itself.

By h11, which takes a server at its word only where that word is plain HTTP/1.1. The standard library's client does not:
a chunk of the size -1 makes it read all there is in one call, and its e-mail parser makes of a hostile Content-Type
whatever error it likes, or minutes of work past every deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from shared.core.weburls import Target

MAX_HEAD_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_HEADERS = (
    ("User-Agent", "uplook"),
    ("Accept", "image/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)

BrokenAnswerError = h11.RemoteProtocolError
"""An answer that cannot be read: its server may have a bad moment, or may mean us harm."""


class Exchange:
    """One question and its answer, over a connection of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)

    def ask(self, where: Target) -> h11.Response:
        """Return the head of the answer; what comes before it (100 Continue, 103 Early Hints) is passed over.

        Raises:
            BrokenAnswerError: it is no HTTP, ends early, or its head exceeds `MAX_HEAD_BYTES`.
            OSError: the connection broke.
        """
        headers = [("Host", where.host_header), *_HEADERS]
        for event in (h11.Request(method="GET", target=where.path, headers=headers), h11.EndOfMessage()):
            self._connection.sendall(self._http.send(event) or b"")
        while True:
            answer = self._next()
            if isinstance(answer, h11.Response):
                return answer

    def body(self, *, max_bytes: int) -> bytes | None:
        """Return the body, or None as soon as it is known to have more than `max_bytes`.

        Raises:
            BrokenAnswerError: it ends early, or its chunks are malformed.
            OSError: the connection broke.
        """
        body = bytearray()
        while isinstance(event := self._next(), h11.Data):
            body += event.data
            if len(body) > max_bytes:
                return None
        return bytes(body)

    def _next(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(self._connection.recv(_PIECE_BYTES))
        if not isinstance(event, h11.Event):  # the server closed the connection, or wants another protocol
            raise BrokenAnswerError("the answer ends where more was expected")
        return event


def location(head: h11.Response) -> str:
    """Return where a redirect leads, or an empty text."""
    return _said(head, b"location").decode("latin-1")


def promised_bytes(head: h11.Response) -> int:
    """Return the length of the body as the server announces it, 0 where it does not."""
    return int(_said(head, b"content-length") or 0)


def _said(head: h11.Response, name: bytes) -> bytes:
    fields: Sequence[tuple[bytes, bytes]] = list(head.headers)
    return next((value for key, value in fields if key == name), b"")
