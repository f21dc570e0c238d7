"""Small downloads in one request each, on connections of their own, with a fifth of the work that the client makes.

Who reads ten thousand documents is bound by what every request costs this machine. So the usual case, a whole object
that arrives at the first attempt, goes over a plain HTTP/1.1 connection: one request, and an answer whose length is
stated. Whatever else happens is the client's to judge: it knows retries, resumption, refusals, proxies and whatever a
server may answer.
"""

from __future__ import annotations

import ssl
import weakref
from collections import deque
from dataclasses import dataclass
from functools import cache, partial
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from shared.core.errors import ErrorCode, NotFoundError, PermanentError, TransientError
from shared.core.jsontext import crc32c

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

_Connect: TypeAlias = "Callable[[SplitResult], HTTPConnection]"
_OK, _NOT_FOUND = 200, 404
_LINE_BYTES = 65_536
_MOST_HEADERS = 200
_CHECKSUM = "crc32c="


def too_many_bytes(where: str, max_bytes: int) -> PermanentError:
    """Return the error of an object that is larger than its reader wants."""
    return PermanentError(ErrorCode.TOO_MANY_BYTES, f"{where} is larger than {max_bytes:,} bytes.")


class Downloads:
    """Downloads at the first attempt, with the client's credentials; from any thread."""

    def __init__(self, client: Any, *, connections: int, timeout_s: float) -> None:
        self._client = client
        self._connect = _connect_as(client, timeout_s)
        # The client offers none of this: how it signs, and how it calls itself.
        auth_request = partial(client._http._auth_request, timeout=timeout_s)  # noqa: SLF001
        self._sign = partial(client._credentials.before_request, auth_request, "GET")  # noqa: SLF001
        self._agent: str = client._connection.user_agent  # noqa: SLF001
        self._most_idle = connections
        self._idle: deque[_Connection] = deque()
        weakref.finalize(self, _close, self._idle)

    def read(self, blob: Any, where: str, *, max_bytes: int) -> bytes | None:
        """Return the bytes as stored, verified against their checksum; None: let the client try.

        Raises:
            NotFoundError: it does not exist, or not in this generation.
            PermanentError: `too_many_bytes`; nothing beyond the cap was kept.
            TransientError: it did not come in time.
        """
        if self._connect is None:
            return None
        url = blob._get_download_url(self._client)  # noqa: SLF001 - the client's own address of it
        # gzip: as stored, never unpacked on the way.
        headers = {"Accept-Encoding": "gzip", "User-Agent": self._agent}
        self._sign(url, headers)
        try:
            answer = self._get(self._connect, urlsplit(url), headers, max_bytes)
        except TimeoutError as error:
            raise TransientError(f"Cloud Storage, {where}: {error}") from error
        except (OSError, _OddAnswerError):
            return None
        if answer.status == _NOT_FOUND:
            raise NotFoundError(f"{where} does not exist.")
        if answer.status == _OK and answer.data is None:
            raise too_many_bytes(where, max_bytes)
        return answer.verified()

    def _get(self, connect: _Connect, url: SplitResult, headers: Mapping[str, str], max_bytes: int) -> _Answer:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _Connection(connect(url))
        keep = False
        try:
            answer = connection.get(url, headers, max_bytes)
            keep = answer.data is not None and not answer.is_last and len(self._idle) < self._most_idle
            return answer
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()


class _OddAnswerError(Exception):
    """This is no whole answer of a stated length."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer with its whole body; None where that is longer than wanted. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    data: bytes | None

    @property
    def is_last(self) -> bool:
        """Whether the server closes the connection."""
        return "close" in self.headers.get("connection", "").lower()

    def verified(self) -> bytes | None:
        """Return the data of an object that is what its checksum says."""
        hashes = (each.strip() for each in self.headers.get("x-goog-hash", "").split(","))
        stated = next((each.removeprefix(_CHECKSUM) for each in hashes if each.startswith(_CHECKSUM)), None)
        right = self.status == _OK and self.data is not None and crc32c(self.data) == stated
        return self.data if right else None


class _Connection:
    """A connection that is open, for one request after the other."""

    def __init__(self, http: HTTPConnection) -> None:
        http.connect()
        self._http = http
        self._answers = http.sock.makefile("rb")

    def get(self, url: SplitResult, headers: Mapping[str, str], max_bytes: int) -> _Answer:
        """Send a request and read its answer, with no more than so many bytes.

        Raises:
            TimeoutError: nothing came in time.
            OSError: the connection is lost.
            _OddAnswerError: the answer breaks off, or is of a kind that is not known here.
        """
        lines = (f"GET {url.path}?{url.query} HTTP/1.1", f"Host: {url.netloc}", *map(": ".join, headers.items()))
        self._http.sock.sendall("\r\n".join((*lines, "\r\n")).encode("latin-1"))
        version, _, status = self._line().partition(" ")
        found = self._headers()
        length = found.get("content-length", "")
        if version != "HTTP/1.1" or not status[:3].isdecimal() or not length.isdecimal():
            raise _OddAnswerError
        if int(length) > max_bytes:
            return _Answer(int(status[:3]), found, None)
        data = self._answers.read(int(length))
        if len(data) < int(length):
            raise _OddAnswerError
        return _Answer(int(status[:3]), found, data)

    def close(self) -> None:
        """Close it."""
        self._answers.close()
        self._http.close()

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _ in range(_MOST_HEADERS):
            line = self._line()
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name.lower()] = f"{found[name.lower()]},{value.strip()}" if name.lower() in found else value.strip()
        raise _OddAnswerError

    def _line(self) -> str:
        line = self._answers.readline(_LINE_BYTES)
        if not line.endswith(b"\r\n"):
            raise _OddAnswerError
        return line[:-2].decode("latin-1")


def _close(connections: deque[_Connection]) -> None:
    while connections:
        connections.pop().close()


def _connect_as(client: Any, timeout_s: float) -> _Connect | None:
    """Return how to connect, with the certificates that the client's session trusts.

    None: the session does more than that, such as asking a proxy, or showing a certificate of its own.
    """
    import requests.certs

    session = client._http  # noqa: SLF001
    found = session.merge_environment_settings(client._connection.API_BASE_URL, {}, None, None, None)  # noqa: SLF001
    if found["proxies"] or found["cert"] or session.is_mtls or not found["verify"]:
        return None
    bundle: str = requests.certs.where() if found["verify"] is True else found["verify"]  # type: ignore[attr-defined]
    trusting = cache(lambda: _trusting(Path(bundle)))  # it takes a while, and an emulator needs none

    def connect(url: SplitResult) -> HTTPConnection:
        host = url.hostname or ""
        if url.scheme == "http":
            return HTTPConnection(host, url.port, timeout=timeout_s)
        return HTTPSConnection(host, url.port, timeout=timeout_s, context=trusting())

    return connect


def _trusting(bundle: Path) -> ssl.SSLContext:
    folder = bundle.is_dir()
    return ssl.create_default_context(cafile=None if folder else str(bundle), capath=str(bundle) if folder else None)
