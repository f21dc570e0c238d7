"""The deployment's buckets, through the ordinary Cloud Storage client: blocking, to be called in threads."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed, RetryError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.adapters import HTTPAdapter

from infra.viewer.errors import ApiError
from infra.viewer.names import Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.viewer.places import Places

_CONNECTIONS = 16
MAX_READ_BYTES = 64 * 2**20
_TIMEOUT_S = 20
_CHECK_TIMEOUT_S = 2
_LISTED, _PAGE = "items(name,generation),nextPageToken", 1000
# Long enough for a connection that was dropped while idle, short enough for a person who waits.
_RETRY = DEFAULT_RETRY.with_timeout(2.0)


@dataclass(frozen=True, slots=True)
class Content:
    """An object's bytes, with the content type that its uploader gave it."""

    data: bytes
    content_type: str | None


class Store:
    """The buckets of one deployment; `advice` says what to do where Cloud Storage does not answer."""

    def __init__(self, places: Places, *, project: str | None = None, advice: str = "") -> None:
        self.places = places
        self._advice = advice
        self._client = storage.Client(project=project)
        # The client offers no other way to widen its pool: documents are read several at a time.
        for scheme in ("https://", "http://"):
            self._client._http.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))  # noqa: SLF001

    def check(self) -> str | None:
        """Say in plain words why the results cannot be read, or None."""
        try:
            with self._explained(self.places.results):
                list(self._client.list_blobs(self.places.results, max_results=1, timeout=_CHECK_TIMEOUT_S, retry=None))
        except ApiError as error:
            return error.message
        return None

    def upload(
        self, file: IO[bytes], name: str, *, size: int, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> Address:
        """Write an object into the (first) upload bucket; return exactly the generation that was made."""
        bucket = self.places.uploads[0]
        blob = self._client.bucket(bucket).blob(name)
        if metadata:
            blob.metadata = dict(metadata)
        with self._explained(f"{bucket}/{name}"):
            # No retry: a second try after a lost answer would be a second generation, and be analysed twice.
            blob.upload_from_file(file, size=size, content_type=content_type, timeout=_TIMEOUT_S, retry=None)
        return Address(bucket, name, int(blob.generation))

    def read(self, address: Address) -> Content:
        """Return an object as it is stored.

        Raises:
            ApiError: 404 there is none, 413 it is larger than the viewer shows, 503 the stack is down.
        """
        blob = self._client.bucket(address.bucket).blob(address.name, generation=address.generation)
        sink = _CappedSink()
        with self._explained(f"{address.bucket}/{address.name}"):
            blob.download_to_file(sink, raw_download=True, timeout=_TIMEOUT_S, retry=_RETRY)
        return Content(sink.getvalue(), blob.content_type)

    def metadata(self, address: Address) -> Mapping[str, str]:
        """Return an object's own metadata, none where it is gone.

        Raises:
            ApiError: 503 the stack is down.
        """
        with self._explained(f"{address.bucket}/{address.name}"):
            blob = self._client.bucket(address.bucket).get_blob(address.name, timeout=_TIMEOUT_S, retry=_RETRY)
        return (blob and blob.metadata) or {}

    def stored(self, bucket: str, *, prefix: str = "") -> list[Address]:
        """Return every object below a prefix, by name.

        Raises:
            ApiError: 503 the stack is down.
        """
        with self._explained(bucket):
            blobs = self._client.list_blobs(
                bucket, prefix=prefix or None, fields=_LISTED, page_size=_PAGE, timeout=_TIMEOUT_S, retry=_RETRY
            )
            return [Address(bucket, blob.name, int(blob.generation)) for blob in blobs]

    def delete(self, address: Address) -> None:
        """Delete exactly this generation.

        Raises:
            ApiError: 404 it is gone, 503 the stack is down.
        """
        blob = self._client.bucket(address.bucket).blob(address.name, generation=address.generation)
        with self._explained(f"{address.bucket}/{address.name}"):
            blob.delete(timeout=_TIMEOUT_S, retry=_RETRY)

    @contextlib.contextmanager
    def _explained(self, where: str) -> Iterator[None]:
        try:
            yield
        except (NotFound, PreconditionFailed) as error:
            raise ApiError(404, f"gs://{where} is not there: deleted, or replaced by a newer upload.") from error
        except (requests.ConnectionError, requests.Timeout, RetryError) as error:
            raise ApiError(503, f"Cloud Storage does not answer. {self._advice}".rstrip()) from error
        except GoogleAPIError as error:
            raise ApiError(502, f"Cloud Storage refused gs://{where}: {error}.") from error


class _CappedSink(io.BytesIO):
    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > MAX_READ_BYTES:
            raise ApiError(413, f"Expected at most {MAX_READ_BYTES:,} bytes to show; the object is larger.")
        return super().write(data)
