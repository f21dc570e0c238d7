"""Read what an event points to: the result document, and its files, verified."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from .choosing import chosen, siblings, split_uri
from .documents import parse_result
from .errors import CorruptFileError, MissingError, NoResultError

if TYPE_CHECKING:
    from google.cloud import storage

    from .values import File, Result, ResultEvent


_FOREIGN = "foreign_result"


class ResultReader:
    """Reads results and their files. Use one for the whole program: it holds connections, and threads may share it.

    Without a `client` it makes the ordinary one, from the environment. The role it needs: `roles/storage.objectViewer`
    on the results bucket.
    """

    def __init__(self, client: storage.Client | None = None) -> None:
        if client is None:
            from google.cloud import storage as library

            client = library.Client()
        self._client = client

    def read_result(self, event: ResultEvent) -> Result:
        """Return the result of an event's image and task, as it is now.

        A failure that was mended since has a result by now: that one is returned. Else it is the newest failure. Of a
        `foreign_result` it is the failure itself: what lies where the result belongs is somebody else's.

        Raises:
            NoResultError: the event is a held one.
            MissingError: the document is there no more.
            MalformedError: it is no result document.
            UnsupportedVersionError: it is of another major version.
        """
        if event.result is None:
            raise NoResultError(
                f"gs://{event.source.bucket}/{event.source.name}, {event.task}: expected a result, found a held event;"
                f" another event tells of the result, after {event.until or 'a while'}."
            )
        mended = event.status == "failed" and event.error != _FOREIGN
        uri = self._newest(event.result) if mended else event.result
        return parse_result(self._read(uri), uri=uri)

    def read_file(self, file: File) -> bytes:
        """Return the bytes of a result's file, exactly those that the result lists.

        Raises:
            MissingError: it is there no more.
            CorruptFileError: its size or checksum departs.
        """
        data = self._read(file.uri)
        found = _crc32c(data)
        if len(data) != file.size or found != file.crc32c:
            raise CorruptFileError(
                f"{file.uri}: expected {file.size} bytes with CRC32C {file.crc32c}, found {len(data)} with {found}."
            )
        return data

    def _newest(self, uri: str) -> str:
        bucket, name = split_uri(uri)
        names = [blob.name for blob in self._client.list_blobs(bucket, prefix=siblings(name))]
        documents = chosen(names)
        if not documents:
            raise _missing(uri)
        return f"gs://{bucket}/{documents[0]}"

    def _read(self, uri: str) -> bytes:
        from google.cloud.exceptions import NotFound

        bucket, name = split_uri(uri)
        try:
            # raw: the bytes as stored, which size and checksum are those of.
            data: bytes = self._client.bucket(bucket).blob(name).download_as_bytes(raw_download=True)
        except NotFound as error:
            raise _missing(uri) from error
        return data


def _missing(uri: str) -> MissingError:
    return MissingError(f"{uri}: expected a committed object, found none: it has expired or was erased.")


def _crc32c(data: bytes) -> str:
    import google_crc32c  # comes with google-cloud-storage

    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
