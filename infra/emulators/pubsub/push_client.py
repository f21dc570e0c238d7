"""Send push requests over pooled keep-alive connections; proxies of the environment do not count."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpcore2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from .push_request import PushRequest

KEEP_ALIVE_S = 1.0
"""Below the two seconds after which gunicorn closes an idle connection: a close that crosses a push fails it."""

EARLY_ACK = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
FAILURES = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)


class PushClient:
    """One pool for all subscriptions; their slots bound the number of connections."""

    def __init__(self) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=None,
            max_keepalive_connections=None,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=_Backend(),
        )

    async def post(self, request: PushRequest, *, timeout_s: float) -> int | str:
        """Return the status of the answer, or why there was none within `timeout_s`."""
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._pool.request("POST", request.url, headers=headers, content=request.body)
        except TimeoutError:
            return f"no answer within {timeout_s:g} s"
        except FAILURES as error:
            return f"{type(error).__name__} {error}".strip()
        return answer.status

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Backend(httpcore2.AnyIOBackend):
    async def connect_tcp(  # noqa: PLR0917 - httpcore's signature
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection on which status 102 ends the exchange.

    To Pub/Sub, 102 is an acknowledgement; to an HTTP client it announces another answer, which may never come.
    """

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        data = await self._inner.read(max_bytes, timeout)
        return EARLY_ACK if data.startswith((b"HTTP/1.1 102 ", b"HTTP/1.0 102 ")) else data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
