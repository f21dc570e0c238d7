"""The middleware that does planned faults to requests and answers, so that the application need not know of them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .errors import ApiError, error_response
from .multipart import RelatedBody, parse_object
from .router import Route, find_route, parse_query_string

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..common.faults import Fault
    from .faults import FaultPlan
    from .router import Server

RoutesOf: TypeAlias = "Callable[[Scope], Sequence[Route]]"
"""Where a request's operation is to be found."""

DEFAULT_STATUS = 503
REASONS = {
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    408: "requestTimeout",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
}
"""What the service calls its refusals; all others are `backendError`."""
INVERTED = 0xFF
_NAMED_IN_BODY = frozenset({"object.insert", "upload.start"})


class DroppedError(Exception):
    """The connection is to be closed without another byte."""


class FaultMiddleware:
    """An ASGI application that does the faults of `plan` to the requests for `app`."""

    def __init__(self, app: ASGIApp, server: Server, plan: FaultPlan, *, routes: RoutesOf) -> None:
        self._app = app
        self._server = server
        self._plan = plan
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not self._plan.documents():
            await self._app(scope, receive, send)
            return
        try:
            await self._serve(scope, receive, send)
        except ClientDisconnect:  # nobody is left to be told
            return
        except DroppedError:
            await _close(receive)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = parse_query_string(scope["query_string"].decode("latin-1"))
        try:
            path = scope["raw_path"].decode("latin-1")
            route, args = find_route(self._routes(scope), request.method, path, query)
            subject, ahead = await subject_of(self._server, route.operation, request, args=args, query=query)
        except ApiError:  # no such operation, or a name that is none: the application will say so
            await self._app(scope, receive, send)
            return
        fault = None if route.operation.startswith("control.") else self._plan.take(route.operation, subject)
        if fault is None:
            await self._app(scope, ahead, send)
        elif fault.kind == "status":
            self._server.count(route.operation, fault.status or DEFAULT_STATUS)
            response = await _refuse(Request(scope, ahead), fault, route)
            await response(scope, ahead, send)
        else:
            await self._alter(scope, ahead, send, fault)

    async def _alter(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        if fault.kind in ANSWER_KINDS:
            await self._app(scope, receive, AlteredSend(send, fault))
            return
        if fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        if fault.kind == "lost_answer" or fault.bytes:
            await self._app(scope, _limited(receive, fault.bytes) if fault.kind == "reset" else receive, _discard)
        raise DroppedError


def _limited(receive: Receive, size: int) -> Receive:
    """Return a `receive` that gives `size` bytes of a body, and drops the connection when asked for more."""
    left, ended = size, False

    async def receive_limited() -> Message:
        nonlocal left, ended
        if ended or left <= 0:
            raise DroppedError
        message = await receive()
        body = message.get("body", b"")[:left]
        left -= len(body)
        ended = not message.get("more_body", False)
        return {**message, "body": body, "more_body": True}

    return receive_limited


async def _discard(_: Message) -> None:
    """Take a message of the answer, and send nothing."""


async def _refuse(request: Request, fault: Fault, route: Route) -> Response:
    # The body is read before anything is refused: a sender cut off in mid-body sees no answer at all.
    async for _ in request.stream():
        pass
    status = fault.status or DEFAULT_STATUS
    if fault.body is not None and not isinstance(fault.body, str):
        return Response(json.dumps(fault.body), status, media_type="application/json; charset=UTF-8")
    message = fault.body or f"The emulator was told to answer {status}."
    return error_response(ApiError(status, message, reason=REASONS.get(status, "backendError")), route.errors)


async def _close(receive: Receive) -> None:
    """Close the connection a request came by: what was already sent arrives, and nothing else."""
    # ASGI has no word for this. uvicorn's `receive` is a method of the object that holds the transport.
    connection: Any = receive.__self__  # type: ignore[attr-defined]
    connection.transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


class AlteredSend:
    """A `send` that does to one answer what a fault says."""

    def __init__(self, send: Send, fault: Fault) -> None:
        self._send = send
        self._fault = fault
        self._alter = _ALTERATIONS[fault.kind]
        self._at = 0

    async def __call__(self, message: Message) -> None:
        """Pass a message of the answer on, or what is left of it."""
        if message["type"] == "http.response.start":
            await self._send(_shorter(message, self._fault.bytes) if self._fault.kind == "truncate" else message)
            return
        start, body = self._at, message.get("body", b"")
        self._at += len(body)
        more = bool(message.get("more_body", False))
        async for piece in self._alter(self._fault, body, self._fault.bytes - start, more):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if not more:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _shorter(head: Message, size: int) -> Message:
    headers = [
        (name, str(min(int(value), size)).encode() if name == b"content-length" else value)
        for name, value in head["headers"]
    ]
    return {**head, "headers": headers}


# Each takes the fault, a piece of the body, where in it the fault's offset is, and whether more pieces follow.


async def _cut(_: Fault, body: bytes, at: int, more: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - one of a table
    yield body[: max(0, at)]
    if at < len(body) or not more:
        raise DroppedError


async def _truncate(_: Fault, body: bytes, at: int, __: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    yield body[: max(0, at)]


async def _corrupt(_: Fault, body: bytes, at: int, __: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    hit = 0 <= at < len(body)
    yield body[:at] + bytes([body[at] ^ INVERTED]) + body[at + 1 :] if hit else body


async def _stall(fault: Fault, body: bytes, at: int, more: bool) -> AsyncIterator[bytes]:  # noqa: FBT001 - see above
    inside = 0 <= at < len(body) or (at >= len(body) and not more)
    yield body[:at] if inside else body
    if inside:
        await asyncio.sleep(fault.seconds)
        yield body[at:]


_ALTERATIONS: dict[str, Callable[[Fault, bytes, int, bool], AsyncIterator[bytes]]] = {
    "cut": _cut,
    "truncate": _truncate,
    "corrupt": _corrupt,
    "stall": _stall,
}
ANSWER_KINDS = frozenset(_ALTERATIONS)


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
