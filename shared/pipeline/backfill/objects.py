"""The objects that a backfill is about, in an order that can be gone on with: a listing, or somebody's list."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from shared.core.planning.candidates import Shard
from shared.pipeline.concurrency import concurrently, fetched_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.core.planning.inventory import ListEntry
    from shared.core.planning.marks import Position
    from shared.core.ports import ObjectInfo, ObjectStore

GONE = "it is gone, or was never there"
ELSEWHERE = "it lies in another bucket, or not below the prefix"
_STATS = 200


@dataclass(frozen=True, slots=True)
class SeenObject:
    """One object, and where in the order it stands; without `info` it is left out, for the reason that is given."""

    position: Position
    name: str
    info: ObjectInfo | None
    left_out: str | None = None


class ObjectSequence(Protocol):
    """Where objects come from. `about` is the whole of what decides which they are, as JSON."""

    @property
    def bucket(self) -> str:
        """The bucket that all of them lie in."""

    @property
    def positions(self) -> type[Position]:
        """The type of their positions."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What is listed, and where."""

    def after(self, position: Position | None) -> Iterator[SeenObject]:
        """Yield the objects behind a position, None for all, each with a higher position than the one before.

        Raises:
            TransientError: the store is away; go on behind the last position.
        """


@dataclass(frozen=True, slots=True)
class BucketObjects:
    """All live objects below a prefix. `exact`: only the one that has the prefix for its name."""

    store: ObjectStore
    bucket: str
    prefix: str = ""
    exact: bool = False
    shard: Shard = field(default_factory=Shard)
    positions: type[Position] = str

    @property
    def about(self) -> Mapping[str, Any]:
        """What is listed, and where."""
        return {"bucket": self.bucket, "prefix": self.prefix, "exact": self.exact, "shard": str(self.shard)}

    def after(self, position: Position | None) -> Iterator[SeenObject]:
        """Yield the objects behind a name, in byte order."""
        start = None if position is None else str(position)
        if self.exact:
            info = self.store.stat(self.bucket, self.prefix) if start is None else None
            if info is not None:
                yield SeenObject(self.prefix, self.prefix, info)
            return
        listed = self.store.list_objects(self.bucket, self.prefix, start_after=start)
        with closing(fetched_ahead(listed)) as entries:
            for name, info in entries:
                if self.shard.has(name):
                    yield SeenObject(name, name, info)


@dataclass(frozen=True, slots=True)
class ListedObjects:
    """Those that a list names, in its order. Each is looked at: a list knows no metadata, and may be old.

    `listed` begins to read it anew each time; `content` tells this list from every other one.
    """

    store: ObjectStore
    bucket: str
    listed: Callable[[], Iterator[ListEntry]]
    content: str
    prefix: str = ""
    shard: Shard = field(default_factory=Shard)
    positions: type[Position] = int

    @property
    def about(self) -> Mapping[str, Any]:
        """What is listed, and where."""
        return {"bucket": self.bucket, "prefix": self.prefix, "list": self.content, "shard": str(self.shard)}

    def after(self, position: Position | None) -> Iterator[SeenObject]:
        """Yield the objects behind the entry of that number."""
        numbered = enumerate(self.listed(), start=1)
        behind = itertools.dropwhile(lambda entry: entry[0] <= int(position or 0), numbered)
        mine = (entry for entry in behind if self.shard.has(entry[1].name))
        while batch := list(itertools.islice(mine, _STATS)):
            yield from concurrently([partial(self._seen, number, entry) for number, entry in batch])

    def _seen(self, number: int, entry: ListEntry) -> SeenObject:
        if entry.bucket not in (None, self.bucket) or not entry.name.startswith(self.prefix):
            return SeenObject(number, entry.name, None, ELSEWHERE)
        info = self.store.stat(self.bucket, entry.name)
        return SeenObject(number, entry.name, info, None if info is not None else GONE)


def objects_at(store: ObjectStore, bucket: str, prefix: str, shard: Shard) -> BucketObjects:
    """Return the object of that name where there is one, else all whose names begin with it."""
    exact = bool(prefix) and not prefix.endswith("/") and store.stat(bucket, prefix) is not None
    return BucketObjects(store, bucket, prefix, exact=exact, shard=shard)
