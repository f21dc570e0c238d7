"""Objects that outlive the emulator: buckets, live objects and their metadata in a folder.

    DIR/<bucket>/<object name>          what a person looks at (see `view`)
    DIR/.uplook/buckets/<bucket>.json   a bucket's settings
    DIR/.uplook/objects/<bucket>/….json an object's metadata; its being there is the commit
    DIR/.uplook/blobs/<generation>      an object's bytes

Earlier generations, and what could be restored, are not kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .model import Bucket, Version
from .payload import SPILL_BYTES, Payload, TemporaryFile
from .view import View, link_or_copy

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT_OF_VERSION = ("bucket", "name", "generation", "metageneration", "fields", "system")
_KEPT_OF_PAYLOAD = ("size", "md5", "crc32c")


class Keeper(Protocol):
    """What the store tells about changes, each before it becomes visible."""

    def keep_bucket(self, bucket: Bucket) -> None:
        """Keep a bucket's settings."""

    def drop_bucket(self, bucket: Bucket) -> None:
        """Forget a bucket, which is empty."""

    def keep(self, version: Version) -> None:
        """Keep a version that is about to be live, instead of the one of its name that was."""

    def drop(self, version: Version) -> None:
        """Forget a version that was live."""


class Forgetful:
    """The keeper of an emulator whose objects end with it."""

    def keep_bucket(self, bucket: Bucket) -> None:
        """Do nothing."""

    def drop_bucket(self, bucket: Bucket) -> None:
        """Do nothing."""

    def keep(self, version: Version) -> None:
        """Do nothing."""

    def drop(self, version: Version) -> None:
        """Do nothing."""


class Archive:
    """A keeper that writes to `folder`; one at a time may.

    Raises:
        BlockingIOError: another process keeps its objects there.
    """

    def __init__(self, folder: Path) -> None:
        hidden = folder / ".uplook"
        self._buckets, self._objects, self._blobs = (hidden / name for name in ("buckets", "objects", "blobs"))
        self.staging = hidden / "staging"
        for each in (self._buckets, self._objects, self._blobs, self.staging):
            each.mkdir(parents=True, exist_ok=True)
        self._lock = (hidden / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise BlockingIOError(f"{folder} is in use by another emulator: name another folder, or end it") from error
        self._view = View(folder, self.staging)

    def close(self) -> None:
        """Let another emulator have the folder."""
        self._lock.close()

    def load(self) -> list[Bucket]:
        """Return all that was kept, with links that start with nothing, and tidy up after a crash."""
        shutil.rmtree(self.staging)
        self.staging.mkdir()
        buckets = [_bucket(_read(path)) for path in sorted(self._buckets.glob("*.json"))]
        for bucket in buckets:
            for path in sorted((self._objects / bucket.name).glob("*.json")):
                record = _read(path)
                version = self._version(record)
                bucket.live[version.name] = version
                self._view.place(bucket.name, version.name, before=record["file"])
                self._view.show(bucket.name, version.name, self._blob(version))
        live = {str(version.generation) for bucket in buckets for version in bucket.live.values()}
        for path in self._blobs.iterdir():
            if path.name not in live:
                path.unlink()
        return buckets

    def keep_bucket(self, bucket: Bucket) -> None:
        """Write a bucket's settings."""
        settings = {"resource": bucket.resource, "notifications": bucket.notifications, "policy": bucket.policy}
        self._write(self._buckets / f"{bucket.name}.json", settings)
        (self._objects / bucket.name).mkdir(exist_ok=True)

    def drop_bucket(self, bucket: Bucket) -> None:
        """Remove a bucket."""
        (self._buckets / f"{bucket.name}.json").unlink()
        shutil.rmtree(self._objects / bucket.name)

    def keep(self, version: Version) -> None:
        """Write an object's bytes, then its metadata, then show it."""
        record, blob = self._record(version), self._blob(version)
        before = _read(record)["generation"] if record.exists() else version.generation
        if not blob.exists():
            self._write_blob(version.payload, blob)
        kept = {name: getattr(version, name) for name in _KEPT_OF_VERSION}
        digests = {name: getattr(version.payload, name) for name in _KEPT_OF_PAYLOAD}
        file = self._view.place(version.bucket, version.name)
        self._write(record, kept | {"payload": digests, "file": file})
        self._view.show(version.bucket, version.name, blob)
        if before != version.generation:
            (self._blobs / str(before)).unlink(missing_ok=True)

    def drop(self, version: Version) -> None:
        """Remove an object's metadata, then everything else of it."""
        self._record(version).unlink()
        self._view.hide(version.bucket, version.name)
        self._blob(version).unlink(missing_ok=True)

    def _version(self, record: Mapping[str, Any]) -> Version:
        blob = self._blobs / str(record["generation"])
        source: bytes | TemporaryFile
        if record["payload"]["size"] > SPILL_BYTES:
            # A name of its own: a download that streams must not see the object's end.
            source = TemporaryFile(self.staging / uuid.uuid4().hex)
            link_or_copy(blob, source.path)
        else:
            source = blob.read_bytes()
        kept = {name: record[name] for name in _KEPT_OF_VERSION}
        return Version(payload=Payload(**record["payload"], source=source), origin="", **kept)

    def _record(self, version: Version) -> Path:
        return self._objects / version.bucket / f"{hashlib.sha256(version.name.encode()).hexdigest()}.json"

    def _blob(self, version: Version) -> Path:
        return self._blobs / str(version.generation)

    def _write(self, path: Path, document: Mapping[str, Any]) -> None:
        staged = self.staging / uuid.uuid4().hex
        staged.write_text(json.dumps(document, indent=1), encoding="utf-8")
        staged.replace(path)

    def _write_blob(self, payload: Payload, blob: Path) -> None:
        staged = self.staging / uuid.uuid4().hex
        if isinstance(payload.source, bytes):
            staged.write_bytes(payload.source)
        else:
            link_or_copy(payload.source.path, staged)
        staged.replace(blob)


def _bucket(settings: Mapping[str, Any]) -> Bucket:
    return Bucket(settings["resource"], notifications=settings["notifications"], policy=settings["policy"])


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
