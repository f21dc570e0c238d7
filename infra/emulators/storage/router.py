"""How a request finds its handler, what a handler is given, and how its answer is sent."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, unquote

from starlette.responses import Response

from .errors import ApiError, Form, error_response, invalid, not_found
from .multipart import parse_object
from .payload import Spool
from .preconditions import Conditions, from_query, integer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from .models import Bucket, Version
    from .payload import Payload
    from .store import Store
    from .uploads import PartedUpload, Session

Handler: TypeAlias = "Callable[[Call], Response | Awaitable[Response]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Everything a handler can reach."""

    store: Store
    folder: Path
    """Where large bodies lie."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """The resumable uploads under way, by id; those that are done stay, as a sender may ask again."""
    parted: dict[str, PartedUpload] = field(default_factory=dict)
    """The XML API's multipart uploads under way, by id."""
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, operation: str, status: int) -> None:
        """Note that an operation was asked for and how it was answered."""
        self.counts[operation] += 1
        if status >= 400:  # noqa: PLR2004 - where refusals begin
            self.counts[f"{operation}:{status}"] += 1


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API: a method, a path with `{placeholders}`, and what the query must hold."""

    operation: str
    """What the statistics call it."""
    method: str
    template: str
    handler: Handler
    query: Mapping[str, str | None] = field(default_factory=dict)
    """Parameters that select this route; None is any value."""
    errors: Form = "json"
    streams: bool = False
    """Whether the handler reads the body itself; otherwise it gets the JSON object in it."""

    def match(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, str] | None:
        """Return the decoded placeholders if this route serves the request.

        The path must be the raw one: a slash inside an object's name is still `%2F` there.
        """
        if method != self.method or not all(_holds(query, *wanted) for wanted in self.query.items()):
            return None
        found = _pattern(self.template).fullmatch(path)
        return found and {name: decoded(value) for name, value in found.groupdict().items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, matched with its route."""

    server: Server
    request: Request
    query: Mapping[str, str]
    args: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def store(self) -> Store:
        """The state."""
        return self.server.store

    @property
    def origin(self) -> str:
        """The URL of this server as the client calls it."""
        return f"http://{self.request.headers['host']}"

    @property
    def bucket(self) -> Bucket:
        """The bucket in the path."""
        return self.store.bucket(self.args["bucket"])

    def target(self, *, key: str = "generation", soft_deleted: bool = False) -> Version:
        """Return the object in the path, of the generation under `key` in the query if there is one."""
        generation = integer(self.query, key)
        return self.store.find(self.bucket, self.args["object"], generation=generation, soft_deleted=soft_deleted)

    def conditions(self, prefix: str = "if") -> Conditions:
        """Return the preconditions in the query."""
        return from_query(self.query, prefix=prefix)

    def spool(self) -> Spool:
        """Return a place for incoming bytes."""
        return Spool(self.server.folder)

    async def received(self) -> Payload:
        """Return the request's body, however large."""
        spool = self.spool()
        async for piece in self.request.stream():
            spool.write(piece)
        return spool.finish()


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
        server.store.set_origin(f"http://{request.headers['host']}")
        result = route.handler(Call(server=server, request=request, query=query, args=args, body=body))
        response = await result if isawaitable(result) else result
    except ApiError as error:
        response = error_response(error, form)
    server.count(operation, response.status_code)
    return response


def find_route(
    routes: Sequence[Route], method: str, path: str, query: Mapping[str, str]
) -> tuple[Route, dict[str, str]]:
    """Return the first route that serves a request, and its decoded placeholders.

    Raises:
        ApiError: 404, none does.
    """
    for route in routes:
        args = route.match(method, path, query)
        if args is not None:
            return route, args
    raise not_found(f"The emulator has no such operation: {method} {path}")


def parse_query_string(text: str) -> dict[str, str]:
    """Return the parameters; the Python client writes booleans as `True`, the service's own spelling is lower case."""
    pairs = parse_qsl(text, keep_blank_values=True)
    return {key: value.lower() if value in ("True", "False") else value for key, value in pairs}


def decoded(text: str) -> str:
    """Return percent-encoded UTF-8 as text.

    Raises:
        ApiError: 400, it is not UTF-8.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise invalid(f"Invalid object name: {text!r} is not UTF-8.") from None


def json_response(resource: Mapping[str, Any]) -> Response:
    """Return a resource as the JSON API does."""
    return Response(json.dumps(resource), media_type="application/json; charset=UTF-8")


def no_content() -> Response:
    """Return the answer to a deletion."""
    return Response(status_code=204)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)(\*?)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", template))


def _holds(query: Mapping[str, str], key: str, value: str | None) -> bool:
    return key in query and value in (None, query[key])
