"""Cloud Storage through google-cloud-storage, reduced to the `ObjectStore` port."""

from __future__ import annotations

import datetime as dt
import os
import threading
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.adapters.storage_downloads import Downloads, too_many_bytes
from shared.adapters.storage_errors import mapped
from shared.core.errors import (
    AlreadyExistsError,
    ChangedError,
    NotFoundError,
    TransientError,
)
from shared.core.jsontext import crc32c
from shared.core.ports import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LISTED = "items(name,generation,size,crc32c,metadata,updated,contentType),nextPageToken"
"""What `ObjectInfo` holds, and no more: a page of whole resources is several times as long."""


class GoogleStorage:
    """The `ObjectStore` port over the real service (or anything that speaks its JSON API).

    `emulator_host` is a URL with `http://`, or None for the service itself; `retry_s` bounds the client's own
    retries of lost connections and 5xx: beyond it, redelivery is the better wait. `timeout_s` is how long a server may
    be silent.
    """

    def __init__(
        self,
        *,
        project: str | None,
        emulator_host: str | None,
        connections: int,
        retry_s: float = 30,
        timeout_s: float = 60,
    ) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage
        from google.cloud.storage.retry import DEFAULT_RETRY
        from requests.adapters import HTTPAdapter

        # Else the client asks for storage.buckets.get in the background, once per bucket and behind every 404: a right
        # that no function has (googleapis/google-cloud-python#17650). It offers no other way to say so.
        os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"
        options: dict[str, Any] = {"project": project}
        if emulator_host:
            options |= {"client_options": {"api_endpoint": emulator_host}, "credentials": AnonymousCredentials()}  # type: ignore[no-untyped-call]
        self._client = storage.Client(**options)
        # Every call here is safe to repeat: writes and deletes carry their preconditions.
        self._patience: dict[str, Any] = {"timeout": timeout_s, "retry": DEFAULT_RETRY.with_timeout(retry_s)}
        # The client offers no other way to widen its pool or to see the server's clock (the Date header).
        session = self._client._http  # noqa: SLF001
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))
        self._clock = _ServerClock()
        session.hooks["response"] += [self._clock.note, _drain_refusal]
        self._downloads = Downloads(self._client, timeout_s=timeout_s)

    def create(
        self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write an object that must not exist yet; return its generation."""
        from google.api_core.exceptions import Forbidden

        where = f"gs://{bucket}/{name}"
        with mapped(where, precondition=AlreadyExistsError, writes=True):
            try:
                return self._write(bucket, name, data, generation=0, content_type=content_type, metadata=metadata)
            except Forbidden:
                # Who may create but not delete is perhaps told so before the precondition is looked at.
                if self.stat(bucket, name) is None:
                    raise
                raise AlreadyExistsError(f"{where} exists, and this identity must not overwrite it.") from None

    def replace(
        self,
        bucket: str,
        name: str,
        data: bytes,
        *,
        generation: int,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> int:
        """Overwrite exactly this generation; return the new one."""
        with mapped(f"gs://{bucket}/{name}", precondition=ChangedError, writes=True):
            return self._write(bucket, name, data, generation=generation, content_type=content_type, metadata=metadata)

    def stat(self, bucket: str, name: str) -> ObjectInfo | None:
        """Describe the live object, or None."""
        with mapped(f"gs://{bucket}/{name}"):
            blob = self._client.bucket(bucket).get_blob(name, **self._patience)
        return None if blob is None else self._info(blob._properties)  # noqa: SLF001 - as the service said it

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        """Read an object, verified against its stored checksum."""
        where = f"gs://{bucket}/{name}"
        with mapped(where, precondition=NotFoundError):
            found = self._downloads.read(bucket, name, generation=generation, max_bytes=max_bytes)
        if found is not None:
            return found
        return self._read_with_retries(self._client.bucket(bucket).blob(name, generation=generation), where, max_bytes)

    def _read_with_retries(self, blob: Any, where: str, max_bytes: int) -> bytes:
        """Read with the client's own retries and resumption."""
        sink = _CappedSink(max_bytes, where)
        with mapped(where, precondition=NotFoundError):
            # raw: the bytes as stored, never decompressed on the way (a gzip object would defeat cap and checksum).
            blob.download_to_file(sink, raw_download=True, checksum="crc32c", **self._patience)
        data = bytes(sink.data)
        # The client compares checksums only where it read in one go, not where it had to resume.
        if blob.crc32c != crc32c(data):
            raise TransientError(f"Cloud Storage, {where}: the bytes do not match their checksum {blob.crc32c}.")
        return data

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        """Read the first bytes of an object, at most so many."""
        where = f"gs://{bucket}/{name}"
        blob = self._client.bucket(bucket).blob(name, generation=generation)
        sink = _CappedSink(max_bytes, where)
        with mapped(where, precondition=NotFoundError):
            # The checksum is that of the whole object: there is nothing to hold a part against.
            blob.download_to_file(sink, end=max_bytes - 1, raw_download=True, checksum=None, **self._patience)
        return bytes(sink.data)

    def delete(self, bucket: str, name: str, *, generation: int | None = None) -> None:
        """Delete the live object (or exactly this generation); deleting what is gone is no error."""
        try:
            with mapped(f"gs://{bucket}/{name}", precondition=NotFoundError):
                self._client.bucket(bucket).blob(name).delete(if_generation_match=generation, **self._patience)
        except NotFoundError:
            return

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of all live objects below a prefix, in byte order."""
        with mapped(f"gs://{bucket}/{prefix}*"):
            blobs = self._client.list_blobs(bucket, prefix=prefix, fields="items(name),nextPageToken", **self._patience)
            return [blob.name for blob in blobs]

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield every live object below a prefix, in byte order, page by page."""
        from google.api_core.page_iterator import HTTPIterator

        bounds = {"startOffset": start_after, "endOffset": end_before}  # the service includes the first
        # Not `list_blobs`: what the client makes of each entry takes three times as long as its JSON.
        pages = HTTPIterator(
            client=self._client,
            api_request=partial(self._client._connection.api_request, **self._patience),  # noqa: SLF001 - as it does
            path=f"/b/{quote(bucket, safe='')}/o",
            item_to_value=lambda _, entry: entry,
            extra_params={"prefix": prefix, "fields": _LISTED} | {key: value for key, value in bounds.items() if value},
        )
        with mapped(f"gs://{bucket}/{prefix}*"):
            for entry in pages:
                if entry["name"] != start_after:
                    yield entry["name"], self._info(entry)

    def list_folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders right below a prefix, each as a whole prefix, in byte order."""
        with mapped(f"gs://{bucket}/{prefix}*"):
            found = self._client.list_blobs(
                bucket, prefix=prefix, delimiter="/", fields="prefixes,nextPageToken", **self._patience
            )
            folders = {folder for page in found.pages for folder in page.prefixes}
        return sorted(folders, key=str.encode)

    def _write(
        self,
        bucket: str,
        name: str,
        data: bytes,
        *,
        generation: int,
        content_type: str,
        metadata: Mapping[str, str] | None,
    ) -> int:
        blob = self._client.bucket(bucket).blob(name)
        blob.metadata = dict(metadata) if metadata else None
        blob.upload_from_string(
            data, content_type=content_type, if_generation_match=generation, checksum="crc32c", **self._patience
        )
        return int(blob.generation)

    def _info(self, resource: Mapping[str, Any]) -> ObjectInfo:
        """Return what an object resource says, in the service's own words."""
        return ObjectInfo(
            generation=int(resource["generation"]),
            size=int(resource["size"]),
            crc32c=resource.get("crc32c") or "",
            metadata=dict(resource.get("metadata") or {}),
            age_s=self._clock.seconds_since(dt.datetime.fromisoformat(resource["updated"])),
            content_type=resource.get("contentType"),
        )


class _ServerClock:
    """The service's own time, as of this thread's last answer: this machine's clock may be an hour off."""

    def __init__(self) -> None:
        self._seen = threading.local()

    def note(self, response: Any, *_: Any, **__: Any) -> None:
        header = response.headers.get("Date")
        if header:
            self._seen.at = parsedate_to_datetime(header)

    def seconds_since(self, moment: dt.datetime) -> float:
        now: dt.datetime = getattr(self._seen, "at", moment)
        return max(0.0, (now - moment).total_seconds())


def _drain_refusal(response: Any, *_: Any, **__: Any) -> None:
    """Read what a refusal says: the client leaves that of a download on its connection, which is then lost."""
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        _ = response.content


class _CappedSink:
    """Collects a download and stops it at the cap: the size in an event is a claim, not a fact."""

    def __init__(self, max_bytes: int, where: str) -> None:
        self.data = bytearray()
        self._max_bytes = max_bytes
        self._where = where

    def write(self, chunk: bytes) -> int:
        if len(self.data) + len(chunk) > self._max_bytes:
            raise too_many_bytes(self._where, self._max_bytes)
        self.data += chunk
        return len(chunk)

    def tell(self) -> int:
        return len(self.data)

    def seek(self, position: int, *_: int) -> int:
        del self.data[position:]  # the client seeks back only to begin a retry anew
        return position

    def truncate(self, size: int = 0) -> int:
        del self.data[size:]
        return size
