"""Small downloads in one request each, over the session's own connections but past the client's machinery.

Who reads ten thousand documents is bound by what every request costs this machine, and urllib3 alone takes a third of
what the client takes around it. So the usual case, a whole object that arrives at the first attempt, goes straight to
the connection pool of the client's session. Whatever else happens is the client's to judge: it knows retries,
resumption, refusals, proxies and whatever a server may answer.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError, TimeoutError  # noqa: A004 - that of urllib3, which is no OSError

from shared.core.errors import ErrorCode, NotFoundError, PermanentError, TransientError
from shared.core.jsontext import crc32c

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

_OK, _NOT_FOUND = 200, 404
_CHECKSUM = "crc32c="


def too_many_bytes(where: str, max_bytes: int) -> PermanentError:
    """Return the error of an object that is larger than its reader wants."""
    return PermanentError(ErrorCode.TOO_MANY_BYTES, f"{where} is larger than {max_bytes:,} bytes.")


class Downloads:
    """Downloads at the first attempt, with the client's credentials; from any thread."""

    def __init__(self, client: Any, *, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        # The client offers none of this: how it signs, and how it calls itself.
        auth_request = partial(client._http._auth_request, timeout=timeout_s)  # noqa: SLF001
        self._sign = partial(client._credentials.before_request, auth_request, "GET")  # noqa: SLF001
        self._agent: str = client._connection.user_agent  # noqa: SLF001

    def read(self, blob: Any, where: str, *, max_bytes: int) -> bytes | None:
        """Return the bytes as stored, verified against their checksum; None: let the client try.

        Raises:
            NotFoundError: it does not exist, or not in this generation.
            PermanentError: `too_many_bytes`; nothing beyond the cap was kept.
            TransientError: it did not come in time.
        """
        if self._pool is None:
            return None
        url = blob._get_download_url(self._client)  # noqa: SLF001 - the client's own address of it
        # gzip: as stored, never unpacked on the way.
        headers = {"Accept-Encoding": "gzip", "User-Agent": self._agent}
        self._sign(url, headers)
        try:
            answer = self._get(self._pool, url, headers)
            data = answer.read(max_bytes + 1, decode_content=False)
        except TimeoutError as error:
            raise TransientError(f"Cloud Storage, {where}: timed out ({type(error).__name__}).") from error
        except HTTPError:
            return None
        if len(data) > max_bytes:
            answer.close()  # the rest of it would come first on this connection
        else:
            answer.release_conn()
        if answer.status == _NOT_FOUND:
            raise NotFoundError(f"{where} does not exist.")
        if answer.status == _OK and len(data) > max_bytes:
            raise too_many_bytes(where, max_bytes)
        return data if answer.status == _OK and crc32c(data) == _checksum(answer) else None

    def _get(self, pool: HTTPConnectionPool, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
        place = urlsplit(url)
        return pool.urlopen(
            "GET",
            f"{place.path}?{place.query}",
            headers=headers,
            retries=False,
            redirect=False,
            timeout=self._timeout_s,
            preload_content=False,
        )

    @cached_property
    def _pool(self) -> HTTPConnectionPool | None:
        """The session's connections to the API, with the certificates that it trusts; None where it asks a proxy."""
        from requests import Request

        session, address = self._client._http, self._client._connection.API_BASE_URL  # noqa: SLF001
        settings = session.merge_environment_settings(address, {}, None, None, None)
        if settings["proxies"]:
            return None
        pool: HTTPConnectionPool = session.get_adapter(address).get_connection_with_tls_context(
            Request("GET", address).prepare(), settings["verify"], cert=settings["cert"]
        )
        return pool


def _checksum(answer: BaseHTTPResponse) -> str | None:
    """Return the CRC32C that the server states, in base64."""
    hashes = (each.strip() for each in answer.headers.get("x-goog-hash", "").split(","))
    return next((each.removeprefix(_CHECKSUM) for each in hashes if each.startswith(_CHECKSUM)), None)
