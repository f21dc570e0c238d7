"""The seam where planned faults meet requests: around the application, so that it need not know of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .errors import ApiError, error_response
from .routing import Route, find_route, parse_query_string
from .spoiling import KINDS, DroppedError, SpoiledSend
from .subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ..common.faults import Fault
    from .plan import StoragePlan
    from .routing import Server

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


class Faulty:
    """An ASGI application that does the faults of `plan` to the requests for `app`."""

    def __init__(self, app: ASGIApp, server: Server, plan: StoragePlan, *, routes: RoutesOf) -> None:
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
            await self._spoil(scope, ahead, send, fault)

    async def _spoil(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        if fault.kind in KINDS:
            await self._app(scope, receive, SpoiledSend(send, fault))
            return
        if fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        if fault.kind == "lost_answer" or fault.bytes:
            await self._app(scope, _limited(receive, fault.bytes) if fault.kind == "reset" else receive, _nowhere)
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


async def _nowhere(_: Message) -> None:
    """Send nothing."""


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
