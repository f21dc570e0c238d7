"""The state of the emulator and every change to it.

No method awaits, and one event loop serves all requests: each method is therefore one atomic step, in which
a precondition and the write it guards cannot be separated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .errors import conflict, not_found
from .events import Change
from .models import (
    WRITABLE,
    Bucket,
    Version,
    bucket_resource,
    check_not_held,
    check_object_name,
    patched,
    timestamp,
    writable,
)
from .persistence import NoPersistence
from .preconditions import MISSING, Conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .payload import Payload
    from .persistence import Persistence


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An object about to be."""

    name: str
    payload: Payload
    fields: Mapping[str, Any]
    origin: str
    components: int | None = None
    """How many pieces a composed object has; None for one that was written in one."""


class Store:
    """All buckets; tells `publish` about every change to an object, in order."""

    def __init__(self, publish: Callable[[Bucket, Change], None], persistence: Persistence | None = None) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._publish = publish
        self._persistence = persistence or NoPersistence()
        self._generation = 0
        self._origin_unknown = False

    def load(self, buckets: Iterable[Bucket]) -> None:
        """Take over what an earlier emulator kept."""
        self.buckets = {bucket.name: bucket for bucket in buckets}
        live = [version for bucket in self.buckets.values() for version in bucket.live.values()]
        self._generation = max((version.generation for version in live), default=0)
        self._origin_unknown = bool(live)

    def set_origin(self, origin: str) -> None:
        """Let the links of everything that was loaded start with the URL this server has now."""
        if not self._origin_unknown:
            return
        for bucket in self.buckets.values():
            for name, version in bucket.live.items():
                bucket.live[name] = replace(version, origin=version.origin or origin)
        self._origin_unknown = False

    def create_bucket(self, fields: Mapping[str, Any], origin: str) -> Bucket:
        """Add an empty bucket.

        Raises:
            ApiError: 400 or 409, it cannot have that name.
        """
        bucket = Bucket(bucket_resource(fields, origin))
        if bucket.name in self.buckets:
            raise conflict("Your previous request to create the named bucket succeeded and you already own it.")
        self._persistence.keep_bucket(bucket)
        self.buckets[bucket.name] = bucket
        return bucket

    def settings_changed(self, bucket: Bucket) -> None:
        """Note that a bucket's settings are others now."""
        self._persistence.keep_bucket(bucket)

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            ApiError: 404.
        """
        if name not in self.buckets:
            raise not_found("The specified bucket does not exist.", xml_code="NoSuchBucket")
        return self.buckets[name]

    def delete_bucket(self, bucket: Bucket) -> None:
        """Remove an empty bucket.

        Raises:
            ApiError: 409, it is not empty.
        """
        if bucket.live or bucket.noncurrent:
            raise conflict("The bucket you tried to delete is not empty.")
        self._persistence.drop_bucket(bucket)
        del self.buckets[bucket.name]

    def commit(self, bucket: Bucket, draft: Draft, conditions: Conditions) -> Version:
        """Check the conditions against what is there, and put the new version in its place.

        Raises:
            ApiError: 400, 403 or 412, nothing was written.
        """
        name = check_object_name(draft.name)
        old = bucket.live.get(name)
        conditions.check(old.stamp if old else MISSING)
        if old:
            check_not_held(old)
        now = timestamp()
        components = {} if draft.components is None else {"componentCount": draft.components}
        times = dict.fromkeys(("timeCreated", "updated", "timeStorageClassUpdated", "timeFinalized"), now)
        new = Version(
            bucket=bucket.name,
            name=name,
            generation=self._next_generation(),
            metageneration=1,
            payload=draft.payload,
            origin=draft.origin,
            fields={**bucket.new_fields, **writable(draft.fields)},
            system={**times, **components},
        )
        self._persistence.keep(new)
        if old:
            self._retire(bucket, old, overwrittenByGeneration=str(new.generation))
        bucket.live[name] = new
        replaced = {"overwroteGeneration": str(old.generation)} if old else {}
        self._publish(bucket, Change("OBJECT_FINALIZE", new, replaced))
        return new

    def find(self, bucket: Bucket, name: str, *, generation: int | None = None, soft_deleted: bool = False) -> Version:
        """Return the live version of `name`, or that of a generation.

        Raises:
            ApiError: 404.
        """
        live = bucket.live.get(name)
        if soft_deleted:
            found = bucket.soft_deleted.get((name, generation or 0))
        elif generation is None or (live and live.generation == generation):
            found = live
        else:
            found = bucket.noncurrent.get((name, generation))
        if found is None:
            raise not_found(f"No such object: {bucket.name}/{name}")
        return found

    def update(
        self, bucket: Bucket, version: Version, changes: Mapping[str, Any], *, replacing: bool = False
    ) -> Version:
        """Change the metadata of a version: merged with what is there, or instead of it."""
        allowed = {key: value for key, value in changes.items() if key in WRITABLE}
        kept = {"storageClass": version.fields["storageClass"]} if replacing else version.fields
        new = replace(
            version,
            metageneration=version.metageneration + 1,
            fields=patched(kept, allowed),
            system={**version.system, "updated": timestamp()},
        )
        if bucket.live.get(version.name) is version:
            self._persistence.keep(new)
            bucket.live[version.name] = new
        else:
            bucket.noncurrent[version.name, version.generation] = new
        self._publish(bucket, Change("OBJECT_METADATA_UPDATE", new))
        return new

    def delete(self, bucket: Bucket, version: Version, *, for_good: bool = False) -> None:
        """Remove a version; `for_good` even where versioning would keep it (not where soft delete does).

        Raises:
            ApiError: 403, a hold forbids it.
        """
        check_not_held(version)
        if bucket.live.get(version.name) is version:
            self._persistence.drop(version)
            del bucket.live[version.name]
            self._retire(bucket, version, for_good=for_good)
        else:
            del bucket.noncurrent[version.name, version.generation]
            self._retire(bucket, version, for_good=True)

    def restore(self, bucket: Bucket, version: Version, conditions: Conditions, origin: str) -> Version:
        """Make a soft-deleted version live again, as a new generation."""
        draft = Draft(name=version.name, payload=version.payload, fields=version.fields, origin=origin)
        restored = self.commit(bucket, draft, conditions)
        del bucket.soft_deleted[version.name, version.generation]
        return restored

    def replay(self, bucket: Bucket, version: Version) -> None:
        """Tell about a version's creation once more, as at-least-once delivery may."""
        self._publish(bucket, Change("OBJECT_FINALIZE", version))

    def _retire(self, bucket: Bucket, version: Version, *, for_good: bool = False, **extra: str) -> None:
        key = version.name, version.generation
        if bucket.versioned and not for_good:
            kept = replace(version, system={**version.system, "timeDeleted": timestamp()})
            bucket.noncurrent[key] = kept
            self._publish(bucket, Change("OBJECT_ARCHIVE", kept, extra))
            return
        if bucket.soft_delete_s:
            times = {
                "softDeleteTime": timestamp(),
                "hardDeleteTime": timestamp(later_s=bucket.soft_delete_s),
            }
            bucket.soft_deleted[key] = replace(version, system={**version.system, **times})
        self._publish(bucket, Change("OBJECT_DELETE", version, extra))

    def _next_generation(self) -> int:
        # Microseconds since 1970, as the service's are; unique even when two fall into one.
        self._generation = max(self._generation + 1, time.time_ns() // 1000)
        return self._generation
