"""A backfill of very many objects, without processes: what it asks of Cloud Storage and Pub/Sub is counted.

Names lie in one sorted list, so that a page costs what it holds. Whatever is published has its result when the command
looks next. Time is the command's own: how long it waits for what it has published is not simulated.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.adapters.memory import ManualClock, MemoryStore
from shared.core import naming
from shared.core.events.envelopes import parse_image_event
from shared.core.planning.candidates import Selection, Shard
from shared.core.planning.choices import Choices
from shared.core.planning.marks import Mark
from shared.core.planning.pacing import RateLimit
from shared.core.planning.planner import Planner
from shared.core.planning.rules import Rules
from shared.core.ports import ObjectInfo
from shared.pipeline.backfill.lane import Lane
from shared.pipeline.backfill.marking import MarkBook
from shared.pipeline.backfill.objects import BucketObjects
from shared.pipeline.backfill.run import Backfill
from tests.rig import RESULTS, SERVICE, SETTINGS, UPLOADS, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.ports import Message

PAGE = 1000
_INFO = ObjectInfo(7, 200_000, "AAAAAA==", {}, 60.0, "image/jpeg")
_DOCUMENT = {"task": "caption", "model": {"requested": "x"}, "usage": {"cost_usd": 0.0004}}


class CountedStore(MemoryStore):
    """Uploads and results as sorted names, all else in memory; each request is counted by what it is for."""

    def __init__(self, objects: int) -> None:
        super().__init__(ManualClock())
        self.names = {UPLOADS: [f"{number % 10}/{number:08}.jpg" for number in range(objects)], RESULTS: list[str]()}
        self.names[UPLOADS].sort()
        self.requests: Counter[str] = Counter()

    def list_objects(
        self, bucket: str, prefix: str, *, start_after: str | None = None, end_before: str | None = None
    ) -> Iterator[tuple[str, ObjectInfo]]:
        """Yield names page by page."""
        names = self.names[bucket]
        after = start_after or ""
        while True:
            first = max(bisect_right(names, after), bisect_left(names, prefix))
            page = [name for name in names[first : first + PAGE] if end_before is None or name < end_before]
            self.requests[f"pages of {bucket}"] += 1
            yield from ((name, _INFO) for name in page)
            if len(page) < PAGE:
                return
            after = page[-1]

    def read(self, bucket: str, name: str, *, generation: int | None = None, max_bytes: int) -> bytes:
        """Read a result, which says what it cost; or a mark."""
        if bucket != RESULTS:
            return super().read(bucket, name, generation=generation, max_bytes=max_bytes)
        self.requests["results read"] += 1
        return json.dumps(_DOCUMENT).encode()

    def replace(self, bucket: str, name: str, data: bytes, **options: Any) -> int:
        """Write a mark."""
        self.requests["marks"] += 1
        return super().replace(bucket, name, data, **options)


@dataclass
class CountedPublisher:
    """Whatever is published has its result at once."""

    store: CountedStore
    events: Counter[str] = field(default_factory=Counter)

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Write the results."""
        del topic
        self.store.requests["publications"] += 1
        for message in messages:
            event = parse_image_event(message.data)
            name = naming.paths(event.source, run=event.run, task=event.task).result
            self.events[name] += 1
            insort(self.store.names[RESULTS], name)


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was asked, and how often each result was asked for at most."""

    requests: Counter[str]
    events: int
    most: int


def simulate(*, objects: int, shards: int, outstanding: int) -> Simulated:
    """Let all parts do their work, one behind the other."""
    store = CountedStore(objects)
    publisher = CountedPublisher(store)
    ports = replace(Rig().ports, store=store, publisher=publisher, clock=ManualClock())
    for index in range(shards):
        listed = BucketObjects(store, UPLOADS, shard=Shard(index, shards))
        selection = Selection(
            planner=Planner(Rules(Choices(tasks=("caption",))), "v1", SERVICE),
            upload_buckets=SETTINGS.upload_buckets,
            results_bucket=RESULTS,
            results_prefix="",
        )
        book = MarkBook(ports, {"objects": listed.about}, positions=str)
        lane = Lane(ports, SETTINGS.image_topic, outstanding)
        work = Backfill(listed, selection, lane, book, begin=Mark(), rate=RateLimit(None))
        for _ in work.run():
            pass
    most = max(publisher.events.values(), default=0)
    return Simulated(store.requests, publisher.events.total(), most)


def told(found: Simulated, *, objects: int, times: int) -> str:
    """Return what was counted for people, and what so many times as many objects would take."""
    lines = [f"{objects:,} objects, {found.events:,} events, none of them more than {found.most} times"]
    lines += [
        f"{what}: {count:,}; of {objects * times:,} objects about {math.ceil(count * times):,}"
        for what, count in sorted(found.requests.items())
    ]
    return "\n".join(lines)
