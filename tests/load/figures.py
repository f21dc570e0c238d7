"""What the deployed system does at a rate, under each choice: the simulation's answer, and each limit's own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from infra.load.arrivals import drawn
from infra.load.calibration import INGEST
from infra.load.report import of_outcome
from infra.load.system import simulate
from tests.costs.machines import concurrency
from tests.load.deployed import (
    ANSWER_S,
    CHOICES,
    DAY_S,
    HOUR_S,
    INGEST_S,
    MINUTE_S,
    Choice,
    calls,
    ceiling_calls,
    instances,
    limits,
    system,
    tokens_per_image,
    usd_beside,
    usd_of_model,
    usd_per_request,
    usd_per_s_of_instances,
    writes_per_image,
)

FILE: Final = Path(__file__).with_name("simulated.json")
RATES: Final = (1.0, 100.0, 10_000.0)
BURST: Final = 5
SEED: Final = 1
_LONGEST: Final = 20_000
_LEAST_S: Final = 120.0  # slow start takes more than one minute
_MORE: Final = 1.25
_LAST: Final = 0.25


@dataclass(frozen=True, slots=True)
class Simulated:
    """Under a choice at a rate, after `seconds`: images finished, held, waiting; the last quarter's finishes a second.

    Of the rate `followed` was simulated, which is more than there is room for; what comes beyond it waits in front.
    `instances` are the most that there were; `usd_per_hour` is the model's and everything else's.
    """

    choice: str
    rate: float
    followed: float
    seconds: float
    arrived: int
    finished: int
    held: int
    failed: int
    waiting: int
    per_s: float
    p95_s: float | None
    redeliveries: int
    instances: Mapping[str, int]
    calls_per_minute: float
    usd_per_hour: float


def horizon_s(rate: float) -> float:
    """Return how long a rate is simulated: an hour, or until so many uploads have come as are still quick to follow."""
    return max(_LEAST_S, min(HOUR_S, _LONGEST / rate))


def followed(choice: Choice, rate: float) -> float:
    """Return the rate that is simulated: a quarter more than all of a choice has room for changes nothing any more."""
    names = ("threads of a worker", "threads of `ingest`")
    room = [each.per_s for each in all_limits(choice) if each.name in names]
    return min(rate, _MORE * max(room or [_pushes_per_s()]))


def simulated(choice: Choice, rate: float, *, seconds: float | None = None) -> Simulated:
    """Simulate one choice at one rate."""
    seconds, offered = seconds or horizon_s(rate), followed(choice, rate)
    outcome = simulate(
        system(choice),
        drawn(rate=offered, seconds=seconds, burst=BURST, seed=SEED),
        seed=SEED,
        until_s=seconds,
        every_s=seconds,
    )
    found = of_outcome(outcome)
    late_s, arrived = seconds * (1 - _LAST), round(rate * seconds)
    late = sum(each.finished_s is not None and each.finished_s > late_s for each in outcome.uploads)
    asked = sum(each.calls - each.refused for each in outcome.tallies.values())
    requests = sum(each.delivered for each in outcome.tallies.values())
    usd = asked / len(calls()) * usd_of_model() + found.finished * usd_beside() + requests * usd_per_request()
    return Simulated(
        choice=choice.name,
        rate=rate,
        seconds=seconds,
        followed=offered,
        arrived=arrived,
        finished=found.finished,
        held=found.held,
        failed=found.failed,
        waiting=found.waiting + arrived - found.uploads,
        per_s=round(late / (seconds * _LAST), 3),
        p95_s=round(found.p95_s, 1) if math.isfinite(found.p95_s) else None,
        redeliveries=found.redeliveries,
        instances=outcome.instances,
        calls_per_minute=round(asked / seconds * MINUTE_S, 1),
        usd_per_hour=round((usd + usd_per_s_of_instances(outcome.billed_s)) / seconds * HOUR_S, 2),
    )


def take(rates: Iterable[float], *, say: Callable[[str], None]) -> list[Simulated]:
    """Simulate every choice at every rate."""
    found = []
    for rate in rates:
        for choice in CHOICES:
            say(f"{rate:g} a second, {choice.words}")
            found.append(simulated(choice, rate))
    return found


def write(found: Iterable[Simulated]) -> None:
    """Replace the file."""
    lines = ",\n".join(json.dumps(asdict(each)) for each in found)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    last.cache_clear()


@cache
def last() -> tuple[Simulated, ...]:
    """Return what the file says."""
    return tuple(Simulated(**each) for each in json.loads(FILE.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Limit:
    """Images a second that one part has room for; `who` can change it, and how. It is computed, not simulated."""

    name: str
    per_s: float
    how: str
    change: str


def _pushes_per_s() -> float:
    return int(limits("pubsub")["outstanding"]) / ANSWER_S


def all_limits(choice: Choice) -> list[Limit]:
    """Return every limit under a choice, the lowest first."""
    worker = next(iter(calls()))
    run, storage, gemini = limits("run"), limits("storage"), limits("gemini")
    slots = {name: instances(name, choice) * concurrency(name) for name in (INGEST, worker)}
    tokens = tokens_per_image()
    vcpu = float(run["vcpu"]) - 1 - 1  # one for ingest, one for whoever keeps house
    found = [
        Limit(
            "model quota, lowest tier",
            float(gemini["tokens_per_minute"]) / MINUTE_S / tokens,
            f"{gemini['tokens_per_minute']:,} tokens a minute, {tokens:,.0f} an image",
            "Google, by what you spend",
        ),
        Limit(
            "model quota, highest tier",
            float(gemini["most_tokens_per_minute"]) / MINUTE_S / tokens,
            f"{gemini['most_tokens_per_minute']:,} tokens a minute",
            "Provisioned Throughput, or batch jobs",
        ),
        Limit(
            "cores of a new project",
            vcpu / len(calls()) * concurrency(worker) / ANSWER_S,
            f"{run['vcpu']} vCPU in a region, shared by {len(calls())} workers",
            "a quota request",
        ),
        Limit(
            "writes of one bucket, at first",
            float(storage["writes_per_s"]) / writes_per_image(),
            f"{storage['writes_per_s']:,} a second, {writes_per_image():.1f} an image if all went to one bucket",
            "a rate that grows slowly",
        ),
        Limit(
            "pushes of one subscription",
            _pushes_per_s(),
            f"{limits('pubsub')['outstanding']:,} outstanding, {ANSWER_S:g} s each",
            "nobody: further deployments",
        ),
    ]
    if choice.instances is not None:
        found += [
            Limit(
                "threads of a worker",
                slots[worker] / ANSWER_S,
                f"{choice.instances} x {concurrency(worker)}, {ANSWER_S:g} s each",
                "`max_instances`",
            ),
            Limit(
                "threads of `ingest`",
                slots[INGEST] / INGEST_S,
                f"{instances(INGEST, choice)} x {concurrency(INGEST)}, {INGEST_S:g} s each",
                "`infra/functions.tf`",
            ),
        ]
    if choice.ceiling:
        found.append(
            Limit(
                "the day's ceiling",
                ceiling_calls() / len(calls()) / DAY_S,
                f"{ceiling_calls():,.0f} calls a day, {len(calls())} an image",
                "`max_calls_per_day`, `max_usd_per_day`",
            )
        )
    return sorted(found, key=lambda each: each.per_s)
