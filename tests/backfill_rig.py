"""A backfill on memory adapters, with workers that answer while it waits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.core.events.envelopes import parse_image_event
from shared.core.planning.candidates import Selection, Shard
from shared.core.planning.choices import Choices
from shared.core.planning.marks import Mark
from shared.core.planning.pacing import RateLimit
from shared.core.planning.planner import Planner
from shared.core.planning.rules import Rules
from shared.pipeline.backfill.lane import Lane
from shared.pipeline.backfill.marking import MarkBook
from shared.pipeline.backfill.objects import BucketObjects
from shared.pipeline.backfill.run import Backfill
from shared.pipeline.worker.analyze import analyze
from tests.rig import SERVICE, SETTINGS, UPLOADS, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.core.ports import Message
    from shared.pipeline.backfill.objects import ObjectSequence

_MOST_SLEEPS = 3000
LANE = "projects/local-dev/topics/image-backfill"


@dataclass
class BackfillRig:
    """Uploads nobody announced, and a backfill of them; workers take what was published whenever it waits."""

    tasks: tuple[str, ...] = ("caption", "detect")
    most: int = 4
    rig: Rig = field(default_factory=lambda: Rig(settings=replace(SETTINGS, backfill_topic=LANE)))

    def __post_init__(self) -> None:
        self.rules = Rules(Choices(tasks=self.tasks))
        self.taken = self.sleeps = 0
        self.seen_at_once: list[int] = []
        self.rig.clock.on_sleep = self.on_sleep

    @property
    def published(self) -> list[Message]:
        """Everything that was published in the lane."""
        return self.rig.publisher.messages.get(LANE, [])

    def upload(self, *names: str, content_type: str = "image/jpeg", metadata: dict[str, str] | None = None) -> None:
        """Put pictures into the bucket."""
        for name in names:
            self.rig.store.create(UPLOADS, name, picture(), content_type=content_type, metadata=metadata)

    def on_sleep(self, _: float) -> None:
        """Work while the command waits; what waits for ever is found."""
        self.sleeps += 1
        assert self.sleeps < _MOST_SLEEPS, "the command waits for what never comes"
        self.work()

    def work(self) -> None:
        """Do what was published and not taken yet."""
        waiting = self.published[self.taken :]
        self.seen_at_once.append(len(waiting))
        self.taken += len(waiting)
        for message in waiting:
            analyze(parse_image_event(message.data), self.rig.ports)

    def backfill(
        self,
        *,
        objects: ObjectSequence | None = None,
        limit: int | None = None,
        run: str = "v1",
        tasks: Collection[str] | None = None,
        rate_per_s: float | None = None,
        anew: bool = False,
    ) -> Backfill:
        """Return the backfill as a new process would begin it."""
        ports, settings = self.rig.ports, self.rig.settings
        what = objects or BucketObjects(ports.store, UPLOADS, shard=Shard())
        selection = Selection(
            planner=Planner(self.rules, run, SERVICE),
            upload_buckets=settings.upload_buckets,
            results_bucket=settings.results_bucket,
            results_prefix=settings.results_prefix,
            tasks=tasks,
        )
        about: dict[str, Any] = {"objects": what.about, "run": run, "limit": limit}
        book = MarkBook(ports, about, positions=what.positions)
        known = book.read()
        begin = known if known is not None and known.finished is None and not anew else Mark(limit_left=limit)
        lane = Lane(ports, settings.backfill_topic or settings.image_topic, self.most)
        return Backfill(what, selection, lane, book, begin=begin, rate=RateLimit(rate_per_s))
