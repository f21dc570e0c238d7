"""Ten million objects on paper: the tables of docs/backfill-job.md, from what the code does and what Google charges.

What a worker does for one image is counted on the memory adapters; what the job does is a sum of pages, looks and
marks, to which tests/backfill/test_scale.py holds the job itself at 1 : 100. The prices are those of
tests/costs/prices.toml.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from shared.core.gemini.service import Service
from shared.core.planning.estimating import Estimate, Samples
from shared.pipeline.backfill.survey import CHUNK
from shared.pipeline.worker.analyze import analyze
from tests.costs import prices
from tests.costs.machines import concurrency, instance_usd_per_s
from tests.rig import SETTINGS, Rig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.planning.estimating import Range

OBJECTS: Final = 10_000_000
SCALE: Final = 100
"""The simulation has one of so many objects."""

CALL_S: Final = float(prices.table("assumptions")["answer_s"])
"""From publishing an event to its result, on average: an assumption; a measurement of yours takes its place."""

EVENT_BYTES: Final = 1000
"""An image event with its attributes, and the least that Pub/Sub counts."""

SHARDS: Final = {1: 1, 10: 1, 100: 4}
"""Values of `max_instances` and `backfill_shards` that the page shows."""

PAGE: Final = 1000
_WORKER: Final = "caption"
_LEAST_LOOK_S, _MOST_LOOK_S = 0.25, 5.0
"""Between two looks at results: about as long as between two results, within these bounds (`next_pause_s`)."""
_MARK_S: Final = 2.0
_READ_EACH: Final = 10
"""One of so many results is read for the dollars in the line of progress."""

_USD_PER_CLASS_A: Final = float(prices.table("storage")["usd_per_class_a"])
_USD_PER_CLASS_B: Final = float(prices.table("storage")["usd_per_class_b"])
_USD_PER_BYTE_OF_MESSAGES: Final = prices.usd_per_message_byte()
_USD_PER_REQUEST: Final = float(prices.table("run")["usd_per_request"])
_DAY_S: Final = 86_400
_TODAY: Final = dt.date(2026, 11, 29)
_SAMPLE: Final = 100
_CLASS_A: Final = frozenset({"create", "replace", "list_names", "list_objects", "list_folders"})
_CLASS_B: Final = frozenset({"stat", "read", "read_head"})


@dataclass(frozen=True, slots=True)
class Operations:
    """Operations of Cloud Storage, as they are billed; deleting is free."""

    class_a: float
    class_b: float

    @property
    def usd(self) -> float:
        """US dollars."""
        return self.class_a * _USD_PER_CLASS_A + self.class_b * _USD_PER_CLASS_B


def outstanding(instances: int) -> int:
    """Return how many events of a task are on their way at once: half of the workers' threads."""
    return instances * concurrency(_WORKER) // 2


def duration_s(instances: int, shards: int) -> float:
    """Return how long all objects take, where no ceiling and no quota is in the way.

    A result waits for half of the time between two looks until it is noticed, and makes room for another event.
    """
    return OBJECTS / outstanding(instances) * (CALL_S + look_s(instances, shards) / 2)


def look_s(instances: int, shards: int) -> float:
    """Return how long a shard waits between two looks at results."""
    return min(_MOST_LOOK_S, max(_LEAST_LOOK_S, CALL_S / (outstanding(instances) / shards)))


def of_the_job(*, instances: int, shards: int) -> Operations:
    """Return what the job asks of Cloud Storage: every shard lists all uploads, and its own part of the results.

    Each shard looks at results as often as some arrive, and keeps its mark every two seconds.
    """
    duration = duration_s(instances, shards)
    lists = shards * OBJECTS / PAGE + OBJECTS / CHUNK
    looks, marks = shards * duration / look_s(instances, shards), shards * duration / _MARK_S
    return Operations(lists + looks + marks, OBJECTS / _READ_EACH)


@cache
def of_a_worker() -> Operations:
    """Return what a worker asks of Cloud Storage for one image on Vertex AI, counted on the memory adapters."""
    rig, before = Rig(), Counter[str]()
    settings = replace(
        SETTINGS, enterprise=True, project="p", max_calls_per_day=OBJECTS, max_usd_per_day=float(OBJECTS)
    )
    rig = Rig(settings=settings)
    events = [rig.upload(f"{number}.jpg", task="caption") for number in range(_SAMPLE)]
    before.update(rig.store.faults.calls)
    logging.disable(logging.INFO)
    try:
        for event in events:
            analyze(event, rig.ports)
    finally:
        logging.disable(logging.NOTSET)
    calls = rig.store.faults.calls - before
    assert not calls.keys() - _CLASS_A - _CLASS_B - {"delete"}
    return Operations(*(sum(calls[name] for name in kind) / _SAMPLE for kind in (_CLASS_A, _CLASS_B)))


def model_usd() -> Range:
    """Return what captions of all take, as `backfill --dry-run` reckons without results to learn from."""
    rig = Rig()
    estimate = Estimate(Service("vertex", _TODAY, "global", use_successors=False))
    estimate.add(rig.upload(task="caption"))
    [row] = estimate.rows(Samples())
    assert row.cost.usd is not None
    return row.cost.usd.times(OBJECTS)


def table() -> str:
    """Return the page's tables, in Markdown."""
    return f"{_times()}\n{_dollars()}"


def _times() -> str:
    columns = ["`max_instances`", "`backfill_shards`", "on their way", "images a second", "days", "class A", "dollars"]
    rows = []
    for instances in SHARDS:
        shards = SHARDS[instances]
        seconds, job = duration_s(instances, shards), of_the_job(instances=instances, shards=shards)
        of_job = job.usd + shards * seconds * _job_usd_per_s()
        cells = (
            str(instances),
            str(shards),
            f"{outstanding(instances)}",
            f"{OBJECTS / seconds:.1f}",
            f"{seconds / _DAY_S:,.1f}",
            f"{job.class_a / 1e6:,.1f} million",
            f"{of_job:,.0f}",
        )
        rows.append(f"| {' | '.join(cells)} |\n")
    return f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n{''.join(rows)}"


def _dollars() -> str:
    worker, model = of_a_worker(), model_usd()
    instance_s, per_s = OBJECTS * CALL_S / concurrency(_WORKER), instance_usd_per_s(_WORKER)
    lines: Sequence[tuple[str, str, float]] = (
        ("Cloud Storage, class A", f"{worker.class_a:.2f} for each image", OBJECTS * worker.class_a * _USD_PER_CLASS_A),
        ("Cloud Storage, class B", f"{worker.class_b:.2f} for each image", OBJECTS * worker.class_b * _USD_PER_CLASS_B),
        (
            "Pub/Sub",
            f"{EVENT_BYTES:,} bytes in and out, and the result event in",
            3 * OBJECTS * EVENT_BYTES * _USD_PER_BYTE_OF_MESSAGES,
        ),
        ("Cloud Run, requests", "one for each image", OBJECTS * _USD_PER_REQUEST),
        ("Cloud Run, time", f"{instance_s / 1e6:,.0f} million seconds of an instance", instance_s * per_s),
        ("the model", f"low {model.low:,.0f}, high {model.high:,.0f}", model.likely),
    )
    head = "| what workers take, for one task | how much | dollars |\n|---|---|---|\n"
    return head + "".join(f"| {what} | {how} | {usd:,.0f} |\n" for what, how, usd in lines)


def _job_usd_per_s() -> float:
    """Return what one task of the job costs a second: one vCPU and 1 GiB, see infra/backfill.tf."""
    run = prices.table("run")
    return float(run["job_usd_per_vcpu_s"]) + float(run["job_usd_per_gib_s"])
