"""The Files API's store: bytes on disk, facts in memory, gone after 48 hours."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .errors import inactive_file, invalid, plain, storage_full, unknown_file
from .paging import cut_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIFETIME = timedelta(hours=48)
QUOTA_BYTES = 20 * 1024**3
FILE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the uploader says of a file; an empty `file_id` asks for one."""

    file_id: str
    display_name: str
    mime_type: str


class Source(StrEnum):
    """Where a file comes from; registered ones do not count against the quota, generated ones can be downloaded."""

    UPLOADED = "UPLOADED"
    GENERATED = "GENERATED"
    REGISTERED = "REGISTERED"


class FileFault(StrEnum):
    """What a fault does to a file: stay PROCESSING, be FAILED, or be gone after it was shown once more."""

    PROCESSING = "processing"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file; `number` counts files and orders listings."""

    meta: FileMeta
    number: int
    path: Path
    size: int
    sha256: str
    created: datetime
    active_at: datetime
    expires: datetime
    source: Source = Source.UPLOADED
    failed: bool = False

    def state(self, now: datetime) -> str:
        """Return the state as the API names it."""
        return "FAILED" if self.failed else "ACTIVE" if now >= self.active_at else "PROCESSING"

    def resource(self, base_url: str, now: datetime) -> dict[str, Any]:
        """Return the File as the API shows it; `base_url` ends with the API version."""
        name = f"files/{self.meta.file_id}"
        shown = {"displayName": self.meta.display_name} if self.meta.display_name else {}
        generated = self.source is Source.GENERATED
        return {
            "name": name,
            **shown,
            "mimeType": self.meta.mime_type,
            "sizeBytes": str(self.size),
            "createTime": timestamp(self.created),
            "updateTime": timestamp(max(self.created, min(now, self.active_at))),
            "expirationTime": timestamp(self.expires),
            # Google sends the base64 of the hexadecimal text, not of the digest's bytes.
            "sha256Hash": base64.b64encode(self.sha256.encode()).decode(),
            "uri": f"{base_url}/{name}",
            **({"downloadUri": f"{base_url}/{name}:download?alt=media"} if generated else {}),
            "state": self.state(now),
            "source": self.source.value,
            **({"error": {"code": 13, "message": "The file could not be processed."}} if self.failed else {}),
        }


class FileStore:
    """Every file that was uploaded, registered or generated and has not expired or been deleted."""

    def __init__(
        self,
        *,
        processing: timedelta,
        lifetime: timedelta = LIFETIME,
        quota: int = QUOTA_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.now = now
        self._processing = processing
        self._lifetime = lifetime
        self._quota = quota
        self._files: dict[str, StoredFile] = {}
        self._count = 0

    def make_room(self, size: int) -> None:
        """Refuse an upload of so many bytes if the project's storage cannot take it.

        Raises:
            ApiError: 429 without hope: the delay it asks for is endless.
        """
        self._purge()
        used = sum(file.size for file in self._files.values() if file.source is not Source.REGISTERED)
        if used + size > self._quota:
            raise storage_full(self._quota)

    def add(self, meta: FileMeta, path: Path, source: Source = Source.UPLOADED) -> StoredFile:
        """Take over the bytes at `path`.

        Raises:
            ApiError: 409, the name is in use; 429, the storage is full.
        """
        self._purge()
        if meta.file_id in self._files:
            raise plain(409, f"{meta.file_id} already exists.")
        size = path.stat().st_size
        if source is not Source.REGISTERED:
            self.make_room(size)
        meta = FileMeta(meta.file_id or new_id(), meta.display_name, meta.mime_type)
        self._count += 1
        created = self.now()
        with path.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        file = StoredFile(
            meta=meta,
            number=self._count,
            path=path,
            size=size,
            sha256=digest,
            created=created,
            active_at=created + (self._processing if source is Source.UPLOADED else timedelta(0)),
            expires=created + self._lifetime,
            source=source,
        )
        self._files[meta.file_id] = file
        return file

    def apply_fault(self, file_id: str, fault: FileFault) -> StoredFile:
        """Let a fault befall a file, and return how it is to be shown now."""
        file = self._files[file_id]
        changed = {
            FileFault.PROCESSING: replace(file, active_at=file.expires),
            FileFault.FAILED: replace(file, failed=True),
            FileFault.EXPIRED: replace(file, expires=self.now()),
        }
        self._files[file_id] = changed[fault]
        return file if fault is FileFault.EXPIRED else self._files[file_id]

    def get(self, file_id: str) -> StoredFile:
        """Return a file.

        Raises:
            ApiError: 403, there is none of that name (the real service does not answer 404 either).
        """
        self._purge()
        if file_id not in self._files:
            raise unknown_file(file_id)
        return self._files[file_id]

    def read(self, file_id: str) -> bytes:
        """Return the bytes of a file that a prompt refers to.

        Raises:
            ApiError: 403 unknown, 400 not active.
        """
        file = self.get(file_id)
        if file.state(self.now()) != "ACTIVE":
            raise inactive_file(file_id)
        return file.path.read_bytes()

    def delete(self, file_id: str) -> None:
        """Remove a file.

        Raises:
            ApiError: 403, there is none of that name.
        """
        self._files.pop(self.get(file_id).meta.file_id).path.unlink()

    def page(self, size: int, token: str) -> tuple[list[StoredFile], str]:
        """Return up to `size` files in the order of upload, and the next page's token or "".

        Raises:
            ApiError: 400, the token is none of ours or the size is out of range.
        """
        self._purge()
        return cut_page(self._files.values(), size, token)

    def _purge(self) -> None:
        now = self.now()
        for file in [file for file in self._files.values() if file.expires <= now]:
            self._files.pop(file.meta.file_id).path.unlink()


def check_id(name: str) -> str:
    """Return the id in a custom name, "" if there is none.

    Raises:
        ApiError: 400, the name is not allowed.
    """
    file_id = name.removeprefix("files/")
    if file_id and not FILE_ID.fullmatch(file_id):
        raise invalid(
            f"* CreateFileRequest.file.name: '{name}' is not a valid file name: expected up to 40 lowercase "
            "letters, digits and dashes, neither first nor last a dash.\n"
        )
    return file_id


def new_id() -> str:
    """Return a random id as the service makes them."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def timestamp(moment: datetime) -> str:
    """Return a moment as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
