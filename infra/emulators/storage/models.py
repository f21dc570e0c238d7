"""What the emulator keeps: buckets, and in them generations of objects."""

from __future__ import annotations

import base64
import datetime as dt
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .payload import Payload
    from .preconditions import Stamp

WRITABLE = frozenset({
    "acl", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "contexts",
    "customTime", "eventBasedHold", "metadata", "retention", "storageClass", "temporaryHold",
})  # fmt: skip
"""The fields of an object resource that its writer decides."""

MAX_NAME_BYTES = 1024
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SOFT_DELETE_S = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One generation of an object, as it was from one metageneration to the next."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    payload: Payload
    origin: str
    """The URL of this server as the writer called it; links start with it."""
    fields: Mapping[str, Any]
    """What the writer decided: a subset of `WRITABLE`."""
    system: Mapping[str, Any]
    """What the service decided: times, component count."""

    @property
    def stamp(self) -> Stamp:
        """What preconditions are checked against."""
        return self.generation, self.metageneration

    @property
    def etag(self) -> str:
        """A tag that changes with the bytes and with the metadata."""
        return base64.b64encode(f"{self.generation}/{self.metageneration}".encode()).decode()

    def resource(self) -> dict[str, Any]:
        """Return the JSON API's object resource."""
        path = f"storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        digests = {"crc32c": self.payload.crc32c}
        if "componentCount" not in self.system:
            digests["md5Hash"] = self.payload.md5
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{self.origin}/{path}",
            "mediaLink": f"{self.origin}/download/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(self.payload.size),
            "etag": self.etag,
            **digests,
            **self.system,
            **self.fields,
        }


@dataclass(slots=True)
class Bucket:
    """A bucket and everything in it; versions that are not live are found by name and generation."""

    resource: dict[str, Any]
    live: dict[str, Version] = field(default_factory=dict)
    noncurrent: dict[tuple[str, int], Version] = field(default_factory=dict)
    soft_deleted: dict[tuple[str, int], Version] = field(default_factory=dict)
    notifications: dict[str, dict[str, Any]] = field(default_factory=dict)
    policy: dict[str, Any] = field(
        default_factory=lambda: {"kind": "storage#policy", "bindings": [], "etag": "CAE=", "version": 1}
    )

    @property
    def name(self) -> str:
        """The bucket's name."""
        return str(self.resource["name"])

    @property
    def versioned(self) -> bool:
        """Whether a replaced version stays readable by its generation."""
        return bool(self.resource.get("versioning", {}).get("enabled"))

    @property
    def new_fields(self) -> dict[str, Any]:
        """What a new object has unless its writer says otherwise."""
        held = {"eventBasedHold": True} if self.resource.get("defaultEventBasedHold") else {}
        return {"storageClass": self.resource["storageClass"], **held}

    @property
    def soft_delete_s(self) -> int:
        """How long a deleted version can be restored; 0 is not at all."""
        return int(self.resource.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))


def bucket_resource(fields: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the resource of a new bucket.

    Raises:
        ApiError: 400, it cannot be called that.
    """
    name = str(fields.get("name", ""))
    if not _BUCKET_NAME.fullmatch(name):
        raise invalid(f"Invalid bucket name: '{name}'")
    created = timestamp()
    return {
        "kind": "storage#bucket",
        "selfLink": f"{origin}/storage/v1/b/{name}",
        "id": name,
        "projectNumber": "0",
        "metageneration": "1",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "etag": "CAE=",
        "timeCreated": created,
        "updated": created,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        **{key: value for key, value in fields.items() if value is not None},
        "softDeletePolicy": soft_delete_policy(fields),
        "location": str(fields.get("location") or "US").upper(),
    }


def soft_delete_policy(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the soft delete policy that `fields` of a bucket ask for, in force from now on."""
    asked = fields.get("softDeletePolicy") or {}
    seconds = asked.get("retentionDurationSeconds", _SOFT_DELETE_S)
    return {"retentionDurationSeconds": str(seconds), "effectiveTime": timestamp()}


def check_object_name(name: str) -> str:
    """Return `name` if an object can have it.

    Raises:
        ApiError: 400, the service's rules forbid it (cloud.google.com/storage/docs/objects#naming).
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid("Invalid object name: it is not valid Unicode.") from None
    if not 0 < size <= MAX_NAME_BYTES:
        raise invalid(f"Invalid object name: expected 1 to {MAX_NAME_BYTES} bytes, found {size}.")
    if name in (".", "..") or "\r" in name or "\n" in name or name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"Invalid object name: {name!r} is not allowed.")
    return name


def check_not_held(version: Version) -> None:
    """Pass silently unless a hold forbids to delete or replace `version`.

    Raises:
        ApiError: 403.
    """
    for field_name, hold in (("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")):
        if version.fields.get(field_name):
            where = f"Object '{version.bucket}/{version.name}'"
            message = f"{where} is under active {hold} hold and cannot be deleted, overwritten or archived."
            raise ApiError(403, message, reason="forbidden", xml_code="ObjectUnderActiveHold")


def writable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a writer may decide of the fields it sent."""
    return {key: value for key, value in fields.items() if key in WRITABLE and value is not None}


def patched(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `current` with `changes` merged into it, level by level; null removes (RFC 7396)."""
    result = {key: value for key, value in current.items() if changes.get(key, value) is not None}
    for key, value in changes.items():
        if isinstance(value, dict):
            before = current.get(key)
            result[key] = patched(before if isinstance(before, dict) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def timestamp(*, later_s: float = 0) -> str:
    """Return the present time, or one some seconds later, as resources spell it: UTC to the millisecond."""
    moment = dt.datetime.fromtimestamp(time.time() + later_s, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
