"""The emulator as an ASGI application."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Mount

from ..common.control import fault_routes
from .fault_injection import FaultMiddleware
from .router import Server, answer
from .routes import routes_for
from .store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.types import Receive, Scope, Send

    from .faults import FaultPlan
    from .persistence import DataFolder
    from .publisher import Publisher


def build_app(
    publisher: Publisher, buckets: Iterable[str], plan: FaultPlan, *, data_folder: DataFolder | None = None
) -> Starlette:
    """Return the application, with what `data_folder` holds and with empty `buckets`.

    At its end it closes the publisher and the data folder.
    """
    store = Store(publisher.publish, data_folder)
    if data_folder:
        store.load(data_folder.load())
    for name in buckets:
        if name not in store.buckets:
            store.create_bucket({"name": name}, "http://127.0.0.1")
    folder = tempfile.TemporaryDirectory(prefix="uplook-storage-", dir=data_folder.staging if data_folder else None)
    server = Server(store=store, folder=Path(folder.name))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with (
            contextlib.closing(data_folder) if data_folder else contextlib.nullcontext(),
            folder,
            contextlib.closing(publisher),
        ):
            yield

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):  # nobody is left to be told
            response = await answer(server, routes_for(scope), Request(scope, receive))
            await response(scope, receive, send)

    served = Mount("/", app=FaultMiddleware(serve, server, plan, routes=routes_for))
    return Starlette(routes=[*fault_routes(plan), served], lifespan=lifespan)
