"""The bytes of objects: hashed as they arrive, in memory while small, in a file once they are not."""

from __future__ import annotations

import base64
import hashlib
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import google_crc32c

from .errors import bad_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SPILL_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class TemporaryFile:
    """A file that is deleted when nothing refers to it any more.

    It is opened for each use: a thousand large objects must not take a thousand file descriptors.
    """

    path: Path

    def __post_init__(self) -> None:
        weakref.finalize(self, self.path.unlink, missing_ok=True).atexit = False


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """Immutable bytes with their hashes in base64; shared by all versions copied from one another.

    A download that still streams holds its payload, and so its file, even if the object is deleted meanwhile.
    """

    size: int
    md5: str
    crc32c: str
    source: bytes | TemporaryFile

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop`, a piece at a time."""
        stop = self.size if stop is None else stop
        if isinstance(self.source, bytes):
            yield self.source[start:stop]
            return
        with self.source.path.open("rb", buffering=0) as file:
            file.seek(start)
            while start < stop:
                piece = file.read(min(CHUNK_BYTES, stop - start))
                start += len(piece)
                yield piece


class Spool:
    """Bytes on their way in; above 1 MiB they go to a file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._folder = folder
        self._memory = bytearray()
        self._file: TemporaryFile | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = google_crc32c.Checksum()

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self.size += len(data)
        self._md5.update(data)
        self._crc32c.update(data)
        self._memory += data
        if len(self._memory) > SPILL_BYTES:
            self._spill()

    def finish(self) -> Payload:
        """Return what was written; the spool keeps its size and nothing else."""
        if self._file:
            self._spill()
        source = self._file or bytes(self._memory)
        self._file, self._memory = None, bytearray()
        return Payload(self.size, _base64(self._md5.digest()), _base64(self._crc32c.digest()), source)

    def _spill(self) -> None:
        self._file = self._file or TemporaryFile(self._folder / uuid.uuid4().hex)
        with self._file.path.open("ab", buffering=0) as file:
            file.write(self._memory)
        self._memory = bytearray()


def joined(payloads: Iterable[Payload], spool: Spool) -> Payload:
    """Return the payloads one after another, as a new one."""
    for payload in payloads:
        for piece in payload.chunks():
            spool.write(piece)
    return spool.finish()


def claimed_digests(metadata: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes the sender vouches for, in base64, by the names of the object resource."""
    pairs = [item.strip().partition("=") for item in headers.get("x-goog-hash", "").split(",")]
    in_header = {name: value for name, _, value in pairs}
    claims = {
        "md5Hash": in_header.get("md5") or headers.get("content-md5") or metadata.get("md5Hash"),
        "crc32c": in_header.get("crc32c") or metadata.get("crc32c"),
    }
    return {name: value for name, value in claims.items() if value}


def verify(payload: Payload, claims: Mapping[str, str]) -> None:
    """Compare `payload` with the hashes the sender vouched for.

    Raises:
        ApiError: 400, one of them differs.
    """
    for name, kind, calculated in (("md5Hash", "MD5", payload.md5), ("crc32c", "CRC32C", payload.crc32c)):
        if claims.get(name, calculated) != calculated:
            raise bad_digest(kind, claims[name], calculated)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
