"""The Files API's store: bytes on disk, facts in memory, gone after 48 hours."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.local.gemini.errors import ApiError, inactive_file, invalid, unknown_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIFETIME = timedelta(hours=48)
DEFAULT_PAGE, MAX_PAGE = 10, 100
FILE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the uploader says of a file; an empty `file_id` asks for one."""

    file_id: str
    display_name: str
    mime_type: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One uploaded file; `number` counts uploads and orders listings."""

    meta: FileMeta
    number: int
    path: Path
    size: int
    sha256: str
    created: datetime
    active_at: datetime

    @property
    def expires(self) -> datetime:
        """When it disappears."""
        return self.created + LIFETIME

    def resource(self, base_url: str, now: datetime) -> dict[str, Any]:
        """Return the File as the API shows it; `base_url` ends with the API version."""
        name = f"files/{self.meta.file_id}"
        shown = {"displayName": self.meta.display_name} if self.meta.display_name else {}
        return {
            "name": name,
            **shown,
            "mimeType": self.meta.mime_type,
            "sizeBytes": str(self.size),
            "createTime": _timestamp(self.created),
            "updateTime": _timestamp(max(self.created, min(now, self.active_at))),
            "expirationTime": _timestamp(self.expires),
            # Google sends the base64 of the hexadecimal text, not of the digest's bytes.
            "sha256Hash": base64.b64encode(self.sha256.encode()).decode(),
            "uri": f"{base_url}/{name}",
            "state": "ACTIVE" if now >= self.active_at else "PROCESSING",
            "source": "UPLOADED",
        }


class FileStore:
    """Every file that was uploaded and has not expired or been deleted."""

    def __init__(self, *, processing: timedelta, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self._processing = processing
        self._files: dict[str, StoredFile] = {}
        self._count = 0

    def add(self, meta: FileMeta, path: Path) -> StoredFile:
        """Take over the bytes at `path`.

        Raises:
            ApiError: 409, the name is in use.
        """
        self._purge()
        if meta.file_id in self._files:
            raise ApiError(409, "ALREADY_EXISTS", f"{meta.file_id} already exists.")
        meta = FileMeta(meta.file_id or _new_id(), meta.display_name, meta.mime_type)
        self._count += 1
        created = self.now()
        with path.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        file = StoredFile(
            meta=meta,
            number=self._count,
            path=path,
            size=path.stat().st_size,
            sha256=digest,
            created=created,
            active_at=created + self._processing,
        )
        self._files[meta.file_id] = file
        return file

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
            ApiError: 403 unknown, 400 not yet active.
        """
        file = self.get(file_id)
        if self.now() < file.active_at:
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
        if not 0 <= size <= MAX_PAGE:
            raise invalid(f"Page size must be between 0 and {MAX_PAGE}, found {size}.")
        if token and not token.isdecimal():
            raise invalid("Page token is invalid.")
        self._purge()
        later = [file for file in self._files.values() if file.number > int(token or 0)]
        page = later[: size or DEFAULT_PAGE]
        # Only a full page with something behind it has a token: the SDK's pager fails on an empty page.
        return page, str(page[-1].number) if len(later) > len(page) else ""

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


def _new_id() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(12))


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
