"""Resumable uploads in progress: chunks appended to a file on disk, in order."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ApiError, invalid
from .files import Source

if TYPE_CHECKING:
    from pathlib import Path

    from .files import FileMeta, FileStore, StoredFile

MAX_FILE_BYTES = 2 * 1024**3
MAX_REMEMBERED = 1000
"""Finished uploads still answer `query`; the oldest are forgotten."""


@dataclass(slots=True)
class Upload:
    """One upload: `declared` is the size announced at its start, if any; `file` is set once it is final."""

    meta: FileMeta
    path: Path
    declared: int | None
    received: int = 0
    file: StoredFile | None = None

    @property
    def status(self) -> str:
        """The word for the X-Goog-Upload-Status header."""
        return "active" if self.file is None else "final"


class Uploads:
    """The sessions by upload id, their bytes under one directory."""

    def __init__(self, files: FileStore, directory: Path) -> None:
        self._files = files
        self._directory = directory
        self._sessions: dict[str, Upload] = {}

    def start(self, meta: FileMeta, declared: int | None) -> str:
        """Open a session and return its id.

        Raises:
            ApiError: 400, the announced size is above 2 GB; 429, the storage is full.
        """
        if (declared or 0) > MAX_FILE_BYTES:
            raise invalid(f"File size {declared} exceeds the limit: {MAX_FILE_BYTES} bytes.")
        self._files.make_room(declared or 0)
        upload_id = secrets.token_urlsafe(24)
        path = self._directory / upload_id
        path.touch()
        self._sessions[upload_id] = Upload(meta, path, declared)
        for forgotten in list(self._sessions)[:-MAX_REMEMBERED]:
            del self._sessions[forgotten]
        return upload_id

    def get(self, upload_id: str) -> Upload:
        """Return a session.

        Raises:
            ApiError: 404, it was never opened or is forgotten.
        """
        if upload_id not in self._sessions:
            # With the status header the SDK gives up at once; without, it repeats the chunk for 7 seconds.
            raise ApiError(
                404,
                "NOT_FOUND",
                "Upload not found: start a new one.",
                headers={"X-Goog-Upload-Status": "cancelled"},
            )
        return self._sessions[upload_id]

    def check_offset(self, upload: Upload, offset: int) -> None:
        """Refuse a chunk that does not follow the bytes at hand.

        Raises:
            ApiError: 400, with the offset that was expected.
        """
        if upload.file is not None or offset != upload.received:
            raise _refused(upload, f"Expected offset {upload.received} of an open upload, found {offset}.")

    def append(self, upload: Upload, data: bytes) -> None:
        """Write bytes at the end."""
        with upload.path.open("ab") as file:
            file.write(data)
        upload.received += len(data)

    def finalize(self, upload: Upload) -> StoredFile:
        """Turn the bytes into a file.

        Raises:
            ApiError: 400, the size is not the announced one; 409, the name was taken meanwhile; 429, no room is left.
        """
        if upload.declared is not None and upload.received != upload.declared:
            raise _refused(upload, f"Expected {upload.declared} bytes in all, received {upload.received}.")
        try:
            upload.file = self._files.add(upload.meta, upload.path)
        except ApiError as error:
            upload.path.unlink()
            error.headers["X-Goog-Upload-Status"] = "final"
            raise
        return upload.file

    def keep(self, meta: FileMeta, data: bytes) -> StoredFile:
        """Take over the bytes of a registered object.

        Raises:
            ApiError: 400, there are more than 2 GB.
        """
        if len(data) > MAX_FILE_BYTES:
            raise invalid(f"File size {len(data)} exceeds the limit: {MAX_FILE_BYTES} bytes.")
        path = self.new_path()
        path.write_bytes(data)
        return self._files.add(meta, path, Source.REGISTERED)

    def new_path(self) -> Path:
        """Return where a new file's bytes can go."""
        return self._directory / secrets.token_urlsafe(24)


def _refused(upload: Upload, message: str) -> ApiError:
    size = str(upload.received)
    headers = {"X-Goog-Upload-Status": upload.status, "X-Goog-Upload-Size-Received": size}
    return ApiError(400, "INVALID_ARGUMENT", message, headers=headers)
