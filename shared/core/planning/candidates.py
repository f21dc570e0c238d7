"""Which work an object that lies in a bucket would get, had it been uploaded just now; and why it gets none."""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core import naming
from shared.core.events import storage_events
from shared.core.events.envelopes import Upload
from shared.core.values import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.naming import Paths
    from shared.core.planning.planner import Planner
    from shared.core.ports import ObjectInfo

_REASONS = 30
OTHER_REASONS = "other reasons"
NO_SUCH_TASK = "its rules want none of the tasks that were asked for"
TOO_OLD = "older than --since"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, `index` from 0: each object belongs to exactly one, by its name alone."""

    index: int = 0
    count: int = 1

    def has(self, name: str) -> bool:
        """Whether an object of this name is of this part."""
        return self.count == 1 or zlib.crc32(name.encode()) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True, slots=True)
class Work:
    """One task that may be missing, as the view of its image event has it, and where its result would lie."""

    event: ImageEvent
    paths: Paths


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object, the work that its plan holds, and why there is none. `held`: tasks whose model does not answer."""

    upload: Upload
    work: Sequence[Work] = ()
    left_out: str | None = None
    held: Sequence[str] = ()


@dataclass(slots=True)
class Reasons:
    """How many were left out, by reason. Uploaders word some of them: only the first are told apart."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, reason: str, count: int = 1) -> None:
        """Count what was left out for this reason."""
        known = reason in self.counts or len(self.counts) < _REASONS
        self.counts[reason if known else OTHER_REASONS] += count


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a backfill is about. `tasks` are the only ones wanted (None: all); `since` is the oldest last write.

    `lane` is that of all its events; None leaves it to the rules.
    """

    planner: Planner
    upload_buckets: Collection[str]
    results_bucket: str
    results_prefix: str
    tasks: Collection[str] | None = None
    since: dt.datetime | None = None
    lane: str | None = None

    def candidate(self, bucket: str, name: str, info: ObjectInfo, *, now: dt.datetime) -> Candidate:
        """Return the work of an object, by the same rules as an upload's."""
        source = Source(bucket, name, info.generation, info.size, info.content_type, info.crc32c or None)
        upload = Upload(source, info.metadata)
        reason = self._refused(upload, info, now)
        if reason is not None:
            return Candidate(upload, left_out=reason)
        planned = self.planner.plan(upload)
        if planned.left_out is not None:
            return Candidate(upload, left_out=planned.left_out)
        wanted = [view for event in planned.events for view in self._views(event)]
        if not wanted:
            return Candidate(upload, left_out=NO_SUCH_TASK)
        paths = naming.paths(source, run=self.planner.run, task=wanted[0].task, prefix=self.results_prefix)
        return Candidate(
            upload,
            [
                Work(each, naming.Paths(paths.folder, each.task, paths.prefix))
                for each in wanted
                if each.task not in planned.held
            ],
            held=[f"{each.task}: {planned.held[each.task]}" for each in wanted if each.task in planned.held],
        )

    def _views(self, event: ImageEvent) -> Sequence[ImageEvent]:
        """Return an event as each of those tasks sees it that are wanted; the others are not asked for."""
        laned = event if self.lane is None else replace(event, lane=self.lane)
        if self.tasks is None:
            return laned.views()
        wanted = [task for task in event.tasks if task in self.tasks]
        return laned.only(wanted).views() if wanted else ()

    def _refused(self, upload: Upload, info: ObjectInfo, now: dt.datetime) -> str | None:
        if upload.source.bucket not in self.upload_buckets:
            return "not an upload bucket"
        if self.since is not None and info.age_s > (now - self.since).total_seconds():
            return TOO_OLD
        return storage_events.own_output(upload, results_bucket=self.results_bucket, results_prefix=self.results_prefix)
