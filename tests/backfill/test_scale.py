"""Ten million objects at 1 : 100: the operations, the time and the memory of a backfill (docs/backfill-job.md)."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest

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
from tests.backfill import reckoning
from tests.backfill.synthetic_bucket import SyntheticBucket
from tests.rig import RESULTS, SERVICE, SETTINGS, UPLOADS, Rig

INSTANCES = 100
SHARDS = reckoning.SHARDS[INSTANCES]


class Simulated:
    """All shards of one backfill, one after the other, each with a clock of its own."""

    def __init__(self, count: int, *, shards: int = SHARDS) -> None:
        self.operations: Counter[str] = Counter()
        self.published: list[bytearray] = []
        self.durations_s: list[float] = []
        self.most_outstanding = 0
        self.count = count
        for index in range(shards):
            self._run(Shard(index, shards))

    def _run(self, shard: Shard) -> None:
        rig = Rig(settings=replace(SETTINGS, backfill_topic="projects/p/topics/lane"))
        bucket = SyntheticBucket(
            rig.clock, uploads=UPLOADS, results=RESULTS, count=self.count, answer_s=reckoning.CALL_S
        )
        outside = cast("Any", bucket)
        ports = replace(rig.ports, store=outside, publisher=outside)
        objects = BucketObjects(ports.store, UPLOADS, shard=shard)
        about = {"objects": objects.about}
        selection = Selection(
            planner=Planner(Rules(Choices(tasks=("caption",))), "v1", SERVICE),
            upload_buckets=(UPLOADS,),
            results_bucket=RESULTS,
            results_prefix="",
        )
        lane = Lane(ports, "projects/p/topics/lane", reckoning.outstanding(INSTANCES) // shard.count)
        book = MarkBook(ports, about, positions=objects.positions)
        begun_s = rig.clock.monotonic_s()
        for state in Backfill(objects, selection, lane, book, begin=Mark(), rate=RateLimit(None)).run():
            self.most_outstanding = max(self.most_outstanding, state.outstanding)
        self.durations_s.append(rig.clock.monotonic_s() - begun_s)
        self.operations += bucket.operations
        self.published.append(bucket.published)


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return Simulated(reckoning.OBJECTS // reckoning.SCALE)


def test_every_object_is_published_by_one_shard_once(simulated: Simulated) -> None:
    assert simulated.count == 100_000
    assert [sum(shards) for shards in zip(*simulated.published, strict=True)] == [1] * simulated.count
    assert min(sum(shard) for shard in simulated.published) > simulated.count / SHARDS * 0.95


def test_live_uploads_keep_half_of_the_threads(simulated: Simulated) -> None:
    assert simulated.most_outstanding * SHARDS <= reckoning.outstanding(INSTANCES)


def test_the_time_on_paper_is_the_time_that_it_takes(simulated: Simulated) -> None:
    assert max(simulated.durations_s) * reckoning.SCALE == pytest.approx(
        reckoning.duration_s(INSTANCES, SHARDS), rel=0.1
    )


def test_the_operations_on_paper_are_those_that_are_made(simulated: Simulated) -> None:
    made, paper = simulated.operations, reckoning.of_the_job(instances=INSTANCES, shards=SHARDS)

    assert (made["list"] + made["write"]) * reckoning.SCALE == pytest.approx(paper.class_a, rel=0.15)
    assert made["get"] * reckoning.SCALE == pytest.approx(paper.class_b, rel=0.15)
    assert made["message bytes"] / simulated.count <= reckoning.EVENT_BYTES


def test_memory_does_not_grow_with_the_bucket() -> None:
    Simulated(100, shards=1)  # whatever is imported at the first need is no memory of a bucket
    assert _peak_bytes(7000) < 1.4 * _peak_bytes(3500)


def _peak_bytes(count: int) -> int:
    tracemalloc.start()
    try:
        Simulated(count, shards=1)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
