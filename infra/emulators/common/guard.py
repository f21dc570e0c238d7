"""Who may talk to a local service: programs on this machine, and no page that somebody's browser shows.

A local service has no login, and every page of the web can make the browser beside it send requests to it. Three marks
tell such a request from a program's, and a page can forge none of them: the host that it names (a DNS name that turns
into 127.0.0.1 is still the page's own name), the origin that it comes from, and what the browser says of the two sites
(`Sec-Fetch-Site`). What is left is what a form can send without a question beforehand: control APIs take JSON only, and
nothing takes a form. No answer ever allows another origin to read it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL: Final = "/_control/"
LOCALHOST: Final = "localhost"

HEADERS: Final[Mapping[str, str]] = {
    # Whatever is stored, and whatever an error quotes, is data: without origin, scripts, plugins, forms or pictures.
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What every answer of a service without a page of its own says."""

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?", re.IGNORECASE)
_FORM: Final = "multipart/form-data"
_JSON: Final = "application/json"
_READS: Final = frozenset({"GET", "HEAD"})
_FORBIDDEN, _UNSUPPORTED = 403, 415
_STATUSES: Final = {_FORBIDDEN: "PERMISSION_DENIED", _UNSUPPORTED: "INVALID_ARGUMENT"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, with its HTTP status."""

    status: int
    reason: str


def _is_control(path: str) -> bool:
    return path.startswith(CONTROL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one service lets in: `hosts` are names besides this machine's own, by which it may be called.

    `any_address`: it listens on all addresses, so that any IP address may be its own (a page cannot make a browser
    take one address for another). `page`: the path of the service's own page, whose requests are let in, and which
    links elsewhere may lead to; None where it has none. `control`: tells the paths of its control API.
    """

    hosts: frozenset[str] = frozenset()
    any_address: bool = False
    page: str | None = None
    control: Callable[[str], bool] = _is_control
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    def refusal(self, method: str, path: str, headers: Headers) -> Refusal | None:
        """Return why a request is refused, or None. `path` is decoded, and without its query."""
        named = headers.getlist("host")
        if len(named) != 1 or not self._is_own(named[0]):
            found = ", ".join(map(repr, named)) or "none"
            return Refusal(_FORBIDDEN, f"Host: expected {self._expected()}, found {found}.")
        if reason := self._foreign(method, path, named[0], headers):
            return Refusal(_FORBIDDEN, reason)
        content_type = _media_type(headers)
        if content_type == _FORM:
            return Refusal(_UNSUPPORTED, f"Content-Type: nothing here takes {_FORM}, which is what web forms send.")
        # Of what changes anything, a page sends POST alone without asking first, and JSON not without asking.
        if self.control(path) and method == "POST" and content_type != _JSON:
            found = repr(content_type) if content_type else "none"
            return Refusal(_UNSUPPORTED, f"Content-Type: the control API expects {_JSON}, found {found}.")
        return None

    def _is_own(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match["name"].lower().rstrip(".")
        if name == LOCALHOST or name in self.hosts:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self.any_address or address.is_loopback or str(address) in self.hosts

    def _expected(self) -> str:
        others = "".join(f", {name}" for name in sorted(self.hosts))
        return f"{LOCALHOST}, a loopback address{', any other address' if self.any_address else ''}{others}"

    def _foreign(self, method: str, path: str, host: str, headers: Headers) -> str | None:
        """Return why a request seems to come from a page that is not the service's own."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none").lower()
        if self.page is None:
            if origin is not None:
                return f"Origin: expected a program, which sends none; found a page of {origin!r}."
            return None if site == "none" else f"Sec-Fetch-Site: expected none, found {site!r}: a page asked for this."
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return f"Origin: expected the service's own page, found one of {origin!r}."
        if site in {"none", "same-origin"} or (path == self.page and method in _READS and _navigates(headers)):
            return None
        return f"Sec-Fetch-Site: expected the service's own page, found {site!r}."


def policy_for(host: str, names: tuple[str, ...] = ()) -> Policy:
    """Return the policy of an emulator that listens on `host`, and is also called by `names`.

    >>> policy_for("0.0.0.0", ("emulators.internal",)).any_address
    True
    """
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    return Policy(hosts=frozenset(name.lower() for name in (host, *names)), any_address=everywhere)


class Guard:
    """ASGI middleware: refuses what the policy refuses, and puts its headers on every answer that lacks them."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._policy.refusal(scope["method"], scope["path"], Headers(scope=scope))
        app = refused(refusal) if refusal else self._app
        await app(scope, receive, _with_headers(send, self._policy.headers))


def refused(refusal: Refusal) -> JSONResponse:
    """Return the answer to what was refused, in the form that Google's clients read errors in."""
    error = {"code": refusal.status, "message": refusal.reason, "status": _STATUSES[refusal.status]}
    # The body was not read: a connection on which its rest still comes must not be used again.
    return JSONResponse({"error": error}, refusal.status, headers={"Connection": "close"})


def _navigates(headers: Headers) -> bool:
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")


def _media_type(headers: Headers) -> str:
    # One header, as a browser sends it: of several nobody knows which one a handler will read.
    kinds = [each.partition(";")[0].strip().lower() for each in headers.getlist("content-type")]
    return _FORM if _FORM in kinds else kinds[0] if len(kinds) == 1 else ""


def _with_headers(send: Send, wanted: Mapping[str, str]) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in wanted.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped
