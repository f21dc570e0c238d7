"""Where a request is addressed to: the prefix of a custom base URL, the version, the back end and its model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..common.guard import CONTROL
from .errors import missing_key, unauthenticated
from .models import ALIASES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULT_VERSION = "v1"
VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
COLLECTIONS = re.compile(r"(?:models|files|batches|projects|publishers|batchPredictionJobs)(?::.*)?|_control")
WRAPPERS = frozenset({"upload", "download"})


@dataclass(frozen=True, slots=True)
class Target:
    """The model a call names; `parent` is "projects/P/locations/L" on Vertex, "" for its express keys, else None."""

    model: str
    method: str
    version: str
    parent: str | None = None

    @property
    def vertex(self) -> bool:
        """Whether the enterprise back end is meant."""
        return self.parent is not None


def split_path(path: str) -> tuple[str, str]:
    """Return the prefix of a base URL and the API's own path, with a version put in where there is none."""
    segments = path.split("/")[1:]
    start = next((at for at, segment in enumerate(segments) if _begins(segment, segments[at + 1 : at + 2])), None)
    if start is None:
        return "", path
    own = segments[start:]
    place = 1 if own[0] in WRAPPERS else 0
    if own[0] != "_control" and not VERSION.fullmatch(own[place]):
        own.insert(place, DEFAULT_VERSION)
    return "".join(f"/{segment}" for segment in segments[:start]), "/" + "/".join(own)


def is_control(path: str) -> bool:
    """Whether a path belongs to the control API, which any prefix may stand before, too."""
    return split_path(path)[1].startswith(CONTROL)


class AddressMiddleware:
    """ASGI middleware: the application behind sees a versioned path, and the prefix as its root path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            prefix, own = split_path(scope["path"])
            scope = {**scope, "root_path": prefix, "path": prefix + own}
        await self._app(scope, receive, send)


def base_url(request: Request) -> str:
    """Return this server's own address as the client sees it, with the prefix the client used."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"


def read_target(request: Request) -> Target:
    """Return what a `…/models/M:method` path names, or what an alias in it stands for."""
    params = request.path_params
    model, _, method = params["call"].rpartition(":")
    version, parent = params["version"], parent_of(request)
    if version == "v1beta" and parent is None:
        model = ALIASES.get(model, model)
    return Target(model, method, version, parent)


def parent_of(request: Request) -> str | None:
    """Return the Vertex parent of a path, None on the Developer API."""
    params = request.path_params
    if "project" in params:
        return f"projects/{params['project']}/locations/{params['location']}"
    return "" if "/publishers/google/" in request.scope["path"] else None


def authenticate(request: Request, *, vertex: bool = False) -> None:
    """Refuse a call that identifies nobody; any key or token will do.

    Raises:
        ApiError: 403 on the Developer API, 401 on Vertex.
    """
    if has_key(request) or request.headers.get("authorization"):
        return
    raise unauthenticated() if vertex else missing_key()


def has_key(request: Request) -> bool:
    """Whether a call carries an API key, as a header or in the query."""
    return bool(request.headers.get("x-goog-api-key") or request.query_params.get("key"))


def _begins(segment: str, following: list[str]) -> bool:
    if segment in WRAPPERS:
        return bool(following) and bool(VERSION.fullmatch(following[0]) or COLLECTIONS.fullmatch(following[0]))
    return bool(VERSION.fullmatch(segment) or COLLECTIONS.fullmatch(segment))
