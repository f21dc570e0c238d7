"""Who looks: Identity-Aware Proxy says so in a signed header, and nobody gets past this without one.

Cloud Run lets IAP alone call the service. That is one setting of one resource; where it is lost, the signature holds.
The rules: https://cloud.google.com/iap/docs/signed-headers-howto
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import requests
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from infra.viewer.headers import with_security_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

ASSERTION: Final = "x-goog-iap-jwt-assertion"
ISSUER: Final = "https://cloud.google.com/iap"
KEYS_URL: Final = "https://www.gstatic.com/iap/verify/public_key"

_KEYS_FOR_S: Final = 3600.0
_ASK_AT_MOST_EVERY_S: Final = 60.0
_TIMEOUT_S: Final = 10.0
_CLOCK_SKEW_S: Final = 30
_FORBIDDEN, _UNAVAILABLE = 403, 503


class KeysUnavailableError(Exception):
    """IAP's public keys cannot be had."""


class Keys:
    """IAP's public keys by their id, fetched when they are old or a new id appears. For any thread."""

    def __init__(self, url: str = KEYS_URL, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: Mapping[str, str] = {}
        self._fetched_s: float | None = None
        self._lock = threading.Lock()

    def holding(self, key_id: str) -> Mapping[str, str]:
        """Return the keys, with this one among them if IAP has it.

        A made-up id costs a request once a minute at most.

        Raises:
            KeysUnavailableError: there are none yet, and IAP's address does not answer.
        """
        with self._lock:
            age_s = None if self._fetched_s is None else self._clock() - self._fetched_s
            wait_s = _KEYS_FOR_S if key_id in self._keys else _ASK_AT_MOST_EVERY_S
            if age_s is None or age_s > wait_s:
                self._fetch()
            return self._keys

    def _fetch(self) -> None:
        try:
            answer = requests.get(self._url, timeout=_TIMEOUT_S)
            answer.raise_for_status()
            self._keys = answer.json()
        except (requests.RequestException, ValueError) as error:
            if not self._keys:
                raise KeysUnavailableError(f"IAP's keys could not be read from {self._url}: {error}") from error
        self._fetched_s = self._clock()


def viewer_of(assertion: str, *, audience: str, keys: Keys) -> str:
    """Return the e-mail address of whoever IAP has let in.

    Raises:
        ValueError, GoogleAuthError, RecursionError: the assertion is not IAP's, not for this service, or has expired.
        KeysUnavailableError: nobody can tell now.
    """
    key_id = jwt.decode_header(assertion).get("kid", "")  # type: ignore[no-untyped-call]
    claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
        assertion, certs=keys.holding(str(key_id)), audience=audience, clock_skew_in_seconds=_CLOCK_SKEW_S
    )
    if claims.get("iss") != ISSUER:
        raise ValueError(f"Expected an assertion of {ISSUER}, found one of {claims.get('iss')!r}.")
    return str(claims.get("email", ""))


class BehindIap:
    """ASGI middleware: serves whom IAP has let in to `audience`, and puts the viewer's headers on every answer."""

    def __init__(self, app: ASGIApp, *, audience: str, keys: Keys) -> None:
        self._app = app
        self._audience = audience
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = await anyio.to_thread.run_sync(self._refusal, Headers(scope=scope).getlist(ASSERTION))
        await (refusal or self._app)(scope, receive, with_security_headers(send))

    def _refusal(self, assertions: list[str]) -> JSONResponse | None:
        if len(assertions) != 1:
            found = f"{len(assertions)} of them" if assertions else "none"
            return _refused(_FORBIDDEN, f"Expected the header {ASSERTION} of Identity-Aware Proxy, found {found}.")
        try:
            viewer_of(assertions[0], audience=self._audience, keys=self._keys)
        except KeysUnavailableError as error:
            return _refused(_UNAVAILABLE, str(error))
        except (ValueError, GoogleAuthError, RecursionError) as error:
            return _refused(_FORBIDDEN, f"The assertion of Identity-Aware Proxy is not valid here: {error}")
        return None


def _refused(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
