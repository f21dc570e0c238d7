"""The emulator as an ASGI application."""

from __future__ import annotations

import contextlib
import tempfile
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Mount

from infra.local.storage import routes_buckets, routes_control, routes_objects, routes_uploads, routes_xml
from infra.local.storage.batch import run_batch
from infra.local.storage.errors import ApiError, Form, error_response
from infra.local.storage.related import parse_object
from infra.local.storage.routing import Call, Route, Server, find_route, parse_query_string
from infra.local.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from infra.local.storage.publisher import Publisher


async def batch(call: Call) -> Response:
    """Answer many calls at once."""
    return await run_batch(call.request, partial(answer, call.server, BATCHABLE))


_JSON_PATHS = (b"/storage/v1/", b"/upload/", b"/resumable/", b"/download/", b"/batch/", b"/_control/")
"""All other paths are the XML API's: a bucket, and anything."""

BATCHABLE: Sequence[Route] = (
    *routes_buckets.ROUTES,
    *(route for route in routes_objects.ROUTES if route.operation != "object.download"),
)
JSON_ROUTES: Sequence[Route] = (
    *routes_objects.ROUTES,
    *routes_uploads.ROUTES,
    *routes_buckets.ROUTES,
    *routes_control.ROUTES,
    Route("batch", "POST", "/batch/storage/v1", batch, streams=True),
)


def create_app(publisher: Publisher, buckets: Iterable[str]) -> Starlette:
    """Return the application, with empty `buckets`; `publisher` is closed with it."""
    folder = tempfile.TemporaryDirectory(prefix="uplook-storage-")
    server = Server(store=Store(publisher.publish), folder=Path(folder.name))
    for name in buckets:
        server.store.create_bucket({"name": name}, "http://127.0.0.1")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with folder, contextlib.closing(publisher):
            yield

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):  # nobody is left to be told
            routes = JSON_ROUTES if scope["raw_path"].startswith(_JSON_PATHS) else routes_xml.ROUTES
            response = await answer(server, routes, Request(scope, receive))
            await response(scope, receive, send)

    return Starlette(routes=[Mount("/", app=serve)], lifespan=lifespan)


async def answer(server: Server, routes: Sequence[Route], request: Request) -> Response:
    """Return what the service would answer to `request`."""
    query = parse_query_string(request.scope["query_string"].decode("latin-1"))
    path = request.scope["raw_path"].decode("latin-1")
    form: Form = "json"
    operation = "unknown"
    try:
        route, args = find_route(routes, request.method, path, query)
        form, operation = route.errors, route.operation
        body = {} if route.streams else parse_object(await request.body())
        result = route.handler(Call(server=server, request=request, query=query, args=args, body=body))
        response = await result if isawaitable(result) else result
    except ApiError as error:
        response = error_response(error, form)
    server.counts[operation] += 1
    if response.status_code >= 400:  # noqa: PLR2004 - where refusals begin
        server.counts[f"{operation}:{response.status_code}"] += 1
    return response
