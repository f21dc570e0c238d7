"""What a request is about, for rules that choose by name: `bucket/object`, or less where there is less."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .errors import ApiError
from .related import RelatedBody, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Message, Receive

    from .routing import Server

_NAMED_IN_BODY = frozenset({"object.insert", "upload.start"})


class ReadAhead:
    """A `receive` whose messages can be looked at before they are given out."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen: deque[Message] = deque()

    async def peek(self) -> tuple[bytes, bool]:
        """Return the next piece of the body, and whether more may follow."""
        message = await self._receive()
        self._seen.append(message)
        return message.get("body", b""), bool(message.get("more_body", False))

    async def __call__(self) -> Message:
        """Give out the next message."""
        return self._seen.popleft() if self._seen else await self._receive()


async def subject_of(
    server: Server, operation: str, request: Request, *, args: Mapping[str, str], query: Mapping[str, str]
) -> tuple[str, Receive]:
    """Return what a request is about, and a `receive` that still gives its whole body."""
    ahead = ReadAhead(request.receive)
    session = server.sessions.get(query.get("upload_id", ""))
    if session:
        return f"{session.bucket}/{session.name}", ahead
    name = args.get("object") or query.get("name")
    if name is None and operation in _NAMED_IN_BODY:
        name = await _name_in_body(request, ahead)
    return "/".join(part for part in (args.get("bucket"), name) if part), ahead


async def _name_in_body(request: Request, ahead: ReadAhead) -> str | None:
    """Return the name in the metadata at a body's beginning; None if there is none, or it is malformed."""
    content_type = request.headers.get("content-type", "")
    try:
        if content_type.startswith("multipart/"):
            return await _name_in_first_part(RelatedBody(content_type), ahead)
        text, more = await ahead.peek()
        while more:
            piece, more = await ahead.peek()
            text += piece
        return parse_object(text).get("name")
    except ApiError:  # whoever handles the request will say so
        return None


async def _name_in_first_part(body: RelatedBody, ahead: ReadAhead) -> str | None:
    more = True
    while more and body.metadata is None:
        piece, more = await ahead.peek()
        body.feed(piece)
    return (body.metadata or {}).get("name")
