"""Storage, Pub/Sub and Gemini emulators that know who asks: each account has an address of its own.

Every request is recorded with the permissions that it needs, and refused, as Google would, where the rights that are
given do not allow it.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvicorn
from google.pubsub_v1.types import PublishRequest
from starlette.requests import Request
from starlette.responses import JSONResponse

from infra.emulators.common.serve import listen
from infra.emulators.storage.fault_injection import subject_of
from infra.emulators.storage.router import find_route, parse_query_string
from infra.emulators.storage.routes import routes_for
from tests.policy.computed import PROJECT
from tests.policy.needs import Need, unmet
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tests.policy.rights import Grant

_FORBIDDEN, _NOT_FOUND, _CONDITION_NOT_MET = 403, 404, 412
_PERMISSIONS: Final = {
    "object.get": ("storage.objects.get",),
    "object.download": ("storage.objects.get",),
    "object.list": ("storage.objects.list",),
    "object.delete": ("storage.objects.delete",),
    "object.insert": ("storage.objects.create", "storage.objects.delete"),
    "upload.start": ("storage.objects.create", "storage.objects.delete"),
    "upload.chunk": (),  # of an upload that was allowed
}
"""What Google's JSON API asks for; of an object that must not exist yet (`ifGenerationMatch=0`), `delete` is not asked.

https://cloud.google.com/storage/docs/access-control/iam-json. All other operations are nobody's here.
"""


@dataclass
class Witness:
    """What was asked, by whom, and whether it was allowed."""

    grants: Collection[Grant]
    needs: set[Need] = field(default_factory=set)
    refused: list[Need] = field(default_factory=list)
    requests: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Who asked for which operation of Cloud Storage on what, and how that was answered."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lets(self, *needs: Need) -> bool:
        """Note what is needed; whether the rights allow all of it."""
        with self._lock:
            self.needs |= set(needs)
            missing = unmet(needs, self.grants)
            self.refused += missing
            return not missing

    def saw(self, who: str, operation: str, subject: str, status: int) -> None:
        """Note an answer of Cloud Storage."""
        with self._lock:
            self.requests.append((who, operation, subject, status))


@contextlib.contextmanager
def served(app: ASGIApp, *, lifespan: str = "off") -> Iterator[str]:
    """Serve an application in a thread; yield its URL."""
    sock = listen(0)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan=lifespan)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or None, "server")
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class StorageAs:
    """The storage emulator's application for one account."""

    def __init__(self, app: ASGIApp, who: str, witness: Witness) -> None:
        self._app = app
        self._who = who
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, if the account may ask for it."""
        request = Request(scope, receive)
        query = parse_query_string(scope["query_string"].decode("latin-1"))
        route, args = find_route(routes_for(scope), request.method, scope["raw_path"].decode("latin-1"), query)
        nothing: Any = SimpleNamespace(sessions={})
        subject, ahead = await subject_of(nothing, route.operation, request, args=args, query=query)
        bucket, _, name = subject.partition("/")
        needs = self._needs(route.operation, bucket, name or None, query)
        overwrites = Need(self._who, "storage.objects.delete", "bucket", bucket, name or None)
        answer = _Answer(send, may_overwrite=not unmet([overwrites], self._witness.grants))
        if self._witness.lets(*needs):
            await self._app(scope, _Body(receive, ahead).receive, answer.send)
        else:
            await _forbidden(str(needs))(scope, ahead, answer.send)
        self._witness.saw(self._who, route.operation, subject, answer.status)
        if answer.status == _NOT_FOUND and route.operation in {"object.get", "object.download"}:
            # Who may not list is told 403 of what is not there: https://cloud.google.com/storage/docs/json_api/v1/status-codes
            why = f"{route.operation} of what is not there"
            self._witness.lets(Need(self._who, "storage.objects.list", "bucket", bucket, why=why))

    def _needs(self, operation: str, bucket: str, name: str | None, query: dict[str, str]) -> list[Need]:
        permissions = _PERMISSIONS.get(operation, (f"storage.{operation}",))
        if query.get("ifGenerationMatch") == "0":
            permissions = permissions[:1]
        return [Need(self._who, each, "bucket", bucket, name, operation) for each in permissions]


class _Body:
    """A body that was looked at. Faults close the connection, which they find as uvicorn's `receive` has it."""

    def __init__(self, receive: Receive, ahead: Receive) -> None:
        self.transport = receive.__self__.transport  # type: ignore[attr-defined]
        self._ahead = ahead

    async def receive(self) -> Message:
        """Give out the next message."""
        return await self._ahead()


class _Answer:
    """An answer on its way. Who may not overwrite is told 403 where an object is in the way, and not 412.

    Google documents neither; this is the case in which more rights are needed, as the writer has to look for itself.
    """

    def __init__(self, send: Send, *, may_overwrite: bool) -> None:
        self._send = send
        self._may_overwrite = may_overwrite
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == _CONDITION_NOT_MET and not self._may_overwrite:
                self.status = _FORBIDDEN
                message = {**message, "status": _FORBIDDEN}
        await self._send(message)


def _forbidden(why: str) -> JSONResponse:
    return JSONResponse({"error": {"code": _FORBIDDEN, "message": why, "status": "PERMISSION_DENIED"}}, _FORBIDDEN)


class GeminiAs:
    """The Gemini emulator's application; which account asks, the first part of the path says: `/as-detect/…`."""

    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._app = app
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, if the account may ask for it."""
        path: str = scope.get("path", "")
        if "/publishers/google/models/" in path:
            who = path.split("/")[1].removeprefix("as-")
            if not self._witness.lets(Need(who, "aiplatform.endpoints.predict", "project", PROJECT, why=path)):
                await _forbidden(path)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _PublishAs(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no annotations
    """Passes what one account publishes on to the emulator at `target`, and nothing else."""

    def __init__(self, target: str, who: str, witness: Witness) -> None:
        self._channel = grpc.insecure_channel(target)
        self._who = who
        self._witness = witness

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return what answers any method."""
        method = handler_call_details.method

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if not self._witness.lets(self._need(method, request)):
                context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{self._who} may not call {method}.")
            try:
                found: bytes = self._channel.unary_unary(method)(request)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
                raise
            return found

        return grpc.unary_unary_rpc_method_handler(answer)

    def _need(self, method: str, request: bytes) -> Need:
        if method.rpartition("/")[2] != "Publish":
            return Need(self._who, f"pubsub.{method}", "project", PROJECT, why=method)
        topic = PublishRequest.deserialize(request).topic
        return Need(self._who, "pubsub.topics.publish", "topic", topic.rpartition("/")[2], why=method)


@contextlib.contextmanager
def publishing(target: str, who: str, witness: Witness) -> Iterator[str]:
    """Serve the emulator at `target` to one account; yield `host:port`."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((_PublishAs(target, who, witness),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
