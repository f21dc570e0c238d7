"""A deployment that can be looked at, and in which nothing happens: what a dry run works on."""

# ruff: noqa: ARG002 - what writes nothing has no use for what it is given

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.ports import Message, ObjectInfo, ObjectStore
    from shared.pipeline.ports import Ports


def rehearsing(ports: Ports) -> Ports:
    """Return the same ports with a store that writes nothing, and a publisher that sends nothing.

    So a dry run decides by the very code that acts otherwise.
    """
    return replace(ports, store=_Untouched(ports.store), publisher=_Silent())


class _Silent:
    """The `Publisher` port: takes every message, and keeps none."""

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Do nothing."""


class _Untouched:
    """The `ObjectStore` port over another one, which stays as it is: every write seems to succeed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def create(
        self, bucket: str, name: str, data: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write nothing."""
        return 1

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
        """Write nothing."""
        return generation + 1

    def delete(self, bucket: str, name: str, *, generation: int | None = None) -> None:
        """Delete nothing."""

    def stat(self, bucket: str, name: str) -> ObjectInfo | None:
        """Describe the live object, or None."""
        return self._store.stat(bucket, name)

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        """Read an object."""
        return self._store.read(bucket, name, generation=generation, max_bytes=max_bytes)

    def read_head(self, bucket: str, name: str, *, generation: int, max_bytes: int) -> bytes:
        """Read the first bytes of an object."""
        return self._store.read_head(bucket, name, generation=generation, max_bytes=max_bytes)

    def list_names(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of all live objects below a prefix."""
        return self._store.list_names(bucket, prefix)

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield every live object below a prefix."""
        return self._store.list_objects(bucket, prefix, start_after=start_after, end_before=end_before)

    def list_folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders right below a prefix."""
        return self._store.list_folders(bucket, prefix)
