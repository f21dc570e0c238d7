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

from ..common import faults
from . import routes_buckets, routes_control, routes_objects, routes_uploads, routes_xml
from .batch import run_batch
from .errors import ApiError, Form, error_response
from .faulty import Faulty
from .related import parse_object
from .routing import Call, Route, Server, find_route, parse_query_string
from .store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from .archive import Archive
    from .plan import StoragePlan
    from .publisher import Publisher


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


def create_app(
    publisher: Publisher, buckets: Iterable[str], plan: StoragePlan, *, archive: Archive | None = None
) -> Starlette:
    """Return the application, with what `archive` holds and empty `buckets`; it closes `publisher` and `archive`."""
    store = Store(publisher.publish, archive)
    if archive:
        store.load(archive.load())
    for name in buckets:
        if name not in store.buckets:
            store.create_bucket({"name": name}, "http://127.0.0.1")
    folder = tempfile.TemporaryDirectory(prefix="uplook-storage-", dir=archive.staging if archive else None)
    server = Server(store=store, folder=Path(folder.name))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with (
            contextlib.closing(archive) if archive else contextlib.nullcontext(),
            folder,
            contextlib.closing(publisher),
        ):
            yield

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):  # nobody is left to be told
            response = await answer(server, _routes(scope), Request(scope, receive))
            await response(scope, receive, send)

    served = Mount("/", app=Faulty(serve, server, plan, routes=_routes))
    return Starlette(routes=[*faults.routes(plan), served], lifespan=lifespan)


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
        server.store.settle(f"http://{request.headers['host']}")
        result = route.handler(Call(server=server, request=request, query=query, args=args, body=body))
        response = await result if isawaitable(result) else result
    except ApiError as error:
        response = error_response(error, form)
    server.count(operation, response.status_code)
    return response


def _routes(scope: Scope) -> Sequence[Route]:
    return JSON_ROUTES if scope["raw_path"].startswith(_JSON_PATHS) else routes_xml.ROUTES
