"""Objects that outlive the emulator: buckets, live objects and their metadata in a folder.

    DIR/<bucket>/<object name>          what a person looks at (see `ObjectFiles`)
    DIR/.uplook/buckets/<bucket>.json   a bucket's settings
    DIR/.uplook/objects/<bucket>/….json an object's metadata; its being there is the commit
    DIR/.uplook/blobs/<generation>      an object's bytes

Earlier generations, and what could be restored, are not kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .models import MAX_NAME_BYTES, Bucket, Version
from .payload import SPILL_BYTES, Payload, TemporaryFile

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SEGMENT_BYTES = 255
"""The longest file name that common file systems take."""

# What a file system, a shell or the tools for buckets would read as something else; `~` begins our own names.
_UNSAFE = re.compile(r"[%~#\[\]*?\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_KEPT_OF_VERSION = ("bucket", "name", "generation", "metageneration", "fields", "system")
_KEPT_OF_PAYLOAD = ("size", "md5", "crc32c")


class Persistence(Protocol):
    """What the store tells about changes, each before it becomes visible."""

    def keep_bucket(self, bucket: Bucket) -> None:
        """Keep a bucket's settings."""

    def drop_bucket(self, bucket: Bucket) -> None:
        """Forget a bucket, which is empty."""

    def keep(self, version: Version) -> None:
        """Keep a version that is about to be live, instead of the one of its name that was."""

    def drop(self, version: Version) -> None:
        """Forget a version that was live."""


class NoPersistence:
    """What an emulator has whose objects end with it."""

    def keep_bucket(self, bucket: Bucket) -> None:
        """Do nothing."""

    def drop_bucket(self, bucket: Bucket) -> None:
        """Do nothing."""

    def keep(self, version: Version) -> None:
        """Do nothing."""

    def drop(self, version: Version) -> None:
        """Do nothing."""


class DataFolder:
    """Writes everything to `folder`; one emulator at a time may.

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
        self._files = ObjectFiles(folder, self.staging)

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
                self._files.place(bucket.name, version.name, before=record["file"])
                self._files.show(bucket.name, version.name, self._blob(version))
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
        file = self._files.place(version.bucket, version.name)
        self._write(record, kept | {"payload": digests, "file": file})
        self._files.show(version.bucket, version.name, blob)
        if before != version.generation:
            (self._blobs / str(before)).unlink(missing_ok=True)

    def drop(self, version: Version) -> None:
        """Remove an object's metadata, then everything else of it."""
        self._record(version).unlink()
        self._files.hide(version.bucket, version.name)
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


class ObjectFiles:
    """What a person looks at: the live objects as ordinary files. Nothing is ever read back from them.

    They lie below `folder`; `staging` is a folder of the same file system for files in the making.
    """

    def __init__(self, folder: Path, staging: Path) -> None:
        self._folder = folder
        self._staging = staging
        self._shown: dict[tuple[str, str], Path] = {}

    def place(self, bucket: str, name: str, *, before: str | None = None) -> str:
        """Return where an object's file lies, relative to the folder: where it was `before`, if it was there."""
        if (bucket, name) not in self._shown:
            self._shown[bucket, name] = self._folder / before if before else self._free_path(bucket, name)
        return str(self._shown[bucket, name].relative_to(self._folder))

    def show(self, bucket: str, name: str, source: Path) -> None:
        """Let an object's file, which has its place, hold what `source` holds."""
        path = self._shown[bucket, name]
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = self._staging / uuid.uuid4().hex
        link_or_copy(source, staged)
        staged.replace(path)

    def hide(self, bucket: str, name: str) -> None:
        """Remove an object's file, and the folders that are empty without it."""
        path = self._shown.pop((bucket, name), None)
        if path is None:
            return
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the first folder that is not empty ends it
            for folder in path.parents:
                if folder == self._folder:
                    return
                folder.rmdir()

    def _free_path(self, bucket: str, name: str) -> Path:
        shown = file_path(name)
        path = self._folder / bucket / shown
        short = all(len(part.encode()) <= MAX_SEGMENT_BYTES for part in path.parts)
        if short and len(shown.encode()) <= MAX_NAME_BYTES and self._is_free(path):
            return path
        # `a` and `a/b` are two objects, but cannot be two files; nor can `a` and `A` on every file system.
        suffix = _SUFFIX.search(name)
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self._folder / bucket / f"~{digest}{suffix.group() if suffix else ''}"

    def _is_free(self, path: Path) -> bool:
        between = path.parents[: len(path.relative_to(self._folder).parts) - 1]
        return not os.path.lexists(path) and not any(folder.is_file() for folder in between)


def file_path(name: str) -> str:
    """Return an object's name as a relative path: no segment is empty, `.` or `..`, and no two names share a path.

    >>> file_path("a/../b#1")
    'a/%2E%2E/b%231'
    """
    first, *others = _UNSAFE.sub(_percent, name).split("/")
    path = _without_dots(first)
    for segment in others:
        # An empty segment would vanish on a file system: its slash is escaped instead.
        path += ("/" if segment and path else "%2F") + _without_dots(segment)
    return path


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy of it where that is impossible."""
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _bucket(settings: Mapping[str, Any]) -> Bucket:
    return Bucket(settings["resource"], notifications=settings["notifications"], policy=settings["policy"])


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _without_dots(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
