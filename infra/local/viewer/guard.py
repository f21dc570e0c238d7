"""Who may talk to the viewer: this machine's own browser, on this page, and nobody else.

The viewer has no login, so that a foreign page in the same browser must not reach it: neither by a DNS name that
turns into 127.0.0.1 (DNS rebinding, caught by the Host header) nor by a form or fetch (caught by the Origin header).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def refusal(method: str, *, host: str | None, origin: str | None) -> str | None:
    """Return why a request is refused, or None. A request without Origin comes from no browser's page."""
    if host is None or not _LOOPBACK.fullmatch(host):
        return f"Expected localhost, 127.0.0.1 or [::1] as host, found {host!r}: open the page by its own address."
    if method in _SAFE_METHODS or origin is None or origin.lower() == f"http://{host.lower()}":
        return None
    return f"Expected a request from the viewer's own page, found one from {origin!r}."


class Guard:
    """ASGI middleware: refuses strangers, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        reason = refusal(scope["method"], host=headers.get("host"), origin=headers.get("origin"))
        app = JSONResponse({"error": reason}, status_code=403) if reason else self._app
        await app(scope, receive, _with_security_headers(send))


def _with_security_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return wrapped
