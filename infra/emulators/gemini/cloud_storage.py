"""Objects of Cloud Storage by their gs:// address, read from and written to an emulator named at start."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote

from .errors import invalid, plain

TIMEOUT_S = 30
ADDRESS = re.compile(r"gs://(?P<bucket>[^/]+)/(?P<name>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Blob:
    """One object's bytes and its declared type."""

    data: bytes
    mime_type: str


class CloudStorage:
    """A Cloud Storage server at a base URL, or none."""

    def __init__(self, url: str | None) -> None:
        self._url = _absolute(url) if url else None
        # Loopback needs no proxy, and urllib would ask the one in the environment.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    async def read(self, address: str) -> Blob:
        """Return an object.

        Raises:
            ApiError: 400 not an address, or no server is known; 404 no such object; 503 the server is not there.
        """
        bucket, name = self._places(address)
        url = f"{self._url}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}?alt=media"
        return await asyncio.to_thread(self._exchange, urllib.request.Request(url), address)  # noqa: S310 - as told

    async def write(self, address: str, data: bytes, mime_type: str) -> None:
        """Create or replace an object.

        Raises:
            ApiError: as `read`.
        """
        bucket, name = self._places(address)
        place = f"{quote(bucket, safe='')}/o?uploadType=media&name={quote(name, safe='')}"
        request = urllib.request.Request(  # noqa: S310 - the address the person gave
            f"{self._url}/upload/storage/v1/b/{place}", data, {"Content-Type": mime_type}, method="POST"
        )
        await asyncio.to_thread(self._exchange, request, address)

    def _places(self, address: str) -> tuple[str, str]:
        found = ADDRESS.fullmatch(address)
        if not found:
            raise invalid(f"Invalid Cloud Storage address: expected gs://BUCKET/OBJECT, found {address!r}.")
        if self._url is None:
            raise invalid(
                f"This emulator knows no Cloud Storage to read {address} from: start it with --storage URL, or set "
                "STORAGE_EMULATOR_HOST."
            )
        return found["bucket"], found["name"]

    def _exchange(self, request: urllib.request.Request, address: str) -> Blob:
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as reply:
                return Blob(reply.read(), reply.headers.get_content_type())
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(address, error.code) from error
        except OSError as error:
            raise plain(503, f"Cannot reach Cloud Storage at {self._url} for {address}: {error}") from error


def _refused(address: str, code: int) -> Exception:
    if code == 404:  # noqa: PLR2004 - HTTP
        return plain(404, f"Cannot find the Cloud Storage object {address}.")
    return plain(403 if code in (401, 403) else 503, f"Cloud Storage answered {code} for {address}.")


def _absolute(url: str) -> str:
    return (url if "://" in url else f"http://{url}").rstrip("/")
