"""Small downloads in one request each, on connections of their own, past the client's machinery.

Who reads ten thousand documents is bound by what every request costs this machine: the client takes eight times as
long for one as the standard library, and urllib3 twice as long. So the usual case, a whole object that arrives at the
first attempt, goes over `http.client`. Whatever else happens is the client's to judge: it knows retries, resumption,
refusals, proxies and whatever a server may answer.
"""

from __future__ import annotations

import ssl
import weakref
from collections import deque
from functools import cached_property, partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlsplit

from shared.core.errors import ErrorCode, NotFoundError, PermanentError, TransientError
from shared.core.jsontext import crc32c

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPResponse

_Connect: TypeAlias = "Callable[[], HTTPConnection]"
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
        # The client offers none of this: where it asks, how it signs, and how it calls itself.
        self._address: str = client._connection.API_BASE_URL  # noqa: SLF001
        auth_request = partial(client._http._auth_request, timeout=timeout_s)  # noqa: SLF001
        self._sign = partial(client._credentials.before_request, auth_request, "GET")  # noqa: SLF001
        self._agent: str = client._connection.user_agent  # noqa: SLF001
        self._idle: deque[HTTPConnection] = deque()  # never more than were in use at the same time
        weakref.finalize(self, _close, self._idle)

    def read(self, bucket: str, name: str, *, generation: int | None, max_bytes: int) -> bytes | None:
        """Return the bytes as stored, verified against their checksum; None: let the client try.

        Raises:
            NotFoundError: it does not exist, or not in this generation.
            PermanentError: `too_many_bytes`; nothing beyond the cap was kept.
            TransientError: it did not come in time.
        """
        if self._connect is None:
            return None
        path, where = _path(bucket, name, generation), f"gs://{bucket}/{name}"
        # gzip: as stored, never unpacked on the way.
        headers = {"Accept-Encoding": "gzip", "User-Agent": self._agent}
        self._sign(self._address + path, headers)
        try:
            answer, data = self._get(self._connect, path, headers, max_bytes)
        except TimeoutError as error:
            raise TransientError(f"Cloud Storage, {where}: {error}") from error
        except (OSError, HTTPException):
            return None
        if answer.status == _NOT_FOUND:
            raise NotFoundError(f"{where} does not exist.")
        if answer.status == _OK and len(data) > max_bytes:
            raise too_many_bytes(where, max_bytes)
        return data if answer.status == _OK and crc32c(data) == _checksum(answer) else None

    def _get(
        self, connect: _Connect, path: str, headers: Mapping[str, str], max_bytes: int
    ) -> tuple[HTTPResponse, bytes]:
        """Return an answer and what it holds, up to one byte more than is wanted."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect()
        keep = False
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            data = answer.read(max_bytes + 1)
            keep = answer.isclosed() and not answer.will_close  # else the rest of it would come first
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()
        return answer, data

    @cached_property
    def _connect(self) -> _Connect | None:
        """How to connect, with the certificates that the client's session trusts.

        None: the session does more than that, such as asking a proxy, or showing a certificate of its own.
        """
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        session, place = self._client._http, urlsplit(self._address)  # noqa: SLF001
        settings = session.merge_environment_settings(self._address, {}, None, None, None)
        if settings["proxies"] or settings["cert"] or session.is_mtls or not settings["verify"]:
            return None
        host = place.hostname or ""
        if place.scheme == "http":
            return partial(HTTPConnection, host, place.port, timeout=self._timeout_s)
        context = _trusting(Path(DEFAULT_CA_BUNDLE_PATH if settings["verify"] is True else settings["verify"]))
        return partial(HTTPSConnection, host, place.port, timeout=self._timeout_s, context=context)


def _path(bucket: str, name: str, generation: int | None) -> str:
    path = f"/download/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}?alt=media"
    return path if generation is None else f"{path}&generation={generation}"


def _trusting(bundle: Path) -> ssl.SSLContext:
    """Return what trusts a file or a folder of certificates."""
    if bundle.is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def _checksum(answer: HTTPResponse) -> str | None:
    """Return the CRC32C that the server states, in base64."""
    hashes = (each.strip() for each in (answer.getheader("x-goog-hash") or "").split(","))
    return next((each.removeprefix(_CHECKSUM) for each in hashes if each.startswith(_CHECKSUM)), None)


def _close(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()
