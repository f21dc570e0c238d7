"""Where a load breaks: the backlog grows, and something is full."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

import pytest

from infra.load import breaking, usage
from infra.load import play as playing
from infra.load.arrivals import drawn
from infra.load.calibration import calibrated
from infra.load.plan import Plan
from infra.load.system import simulate
from tests.load.test_engine import MANY, small
from tests.load.test_report import told

if TYPE_CHECKING:
    from pathlib import Path

    from infra.load.breaking import Reached

THREADS, LATENCY_S = 4, 2.0
ROOM = THREADS / LATENCY_S


def reached(rate: float, *, cpu_s: float = 0.0, threads: int = THREADS) -> Reached:
    arrivals = drawn(rate=rate, seconds=200, burst=1, seed=2)
    outcome = simulate(
        small(threads=threads, latency_s=LATENCY_S, cpu_s=cpu_s), arrivals, seed=1, until_s=arrivals[-1], every_s=50
    )
    return breaking.of_outcome(outcome, rate, concurrency={"work": threads}, cores=1, others=0)


def test_threads_are_full_where_more_comes_than_they_can_take() -> None:
    calm, crowded = reached(0.5 * ROOM), reached(2 * ROOM)

    assert not calm.breaks
    assert calm.resources["threads of work"] == pytest.approx(0.5, abs=0.1)
    assert crowded.breaks
    assert (crowded.first, round(crowded.resources["threads of work"], 1)) == ("threads of work", 1.0)


def test_a_core_is_full_where_it_is_too_slow() -> None:
    crowded = reached(3.0, cpu_s=1.0, threads=MANY)

    assert crowded.breaks
    assert crowded.resources["the core of work"] == pytest.approx(1, abs=0.05)


def test_a_measured_run_says_what_was_full() -> None:
    run, _ = told()

    found = breaking.of_run(run, 0.5, concurrency={"ingest": 16, "caption": 1}, cores=2, others=0)

    assert not found.breaks
    assert found.resources["the core of caption"] == pytest.approx(0.03)
    assert found.resources["threads of caption"] == pytest.approx(4 * 1.5 / 8)
    assert found.first == "threads of caption"
    assert max(map(len, breaking.table([found], [found]).splitlines())) <= 80
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["rate"] == 0.5


def test_the_search_ends_at_the_rate_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rig stands in for itself: what it is asked to run is simulated nowhere, and gets slower with the rate."""
    rates = list[float]()

    class Stand:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def answer_in(self, *_: object, **__: object) -> None: ...

        def run(self, arrivals: tuple[float, ...], **__: object) -> object:
            rates.append(len(arrivals))
            run, _ = told()
            if len(rates) > 1:
                for each in run.uploads:
                    each.finished_s = None
            return run

    run, quiet = told()
    found = calibrated(run, idle=quiet, cores=2, others=0, latency_s=1.0, cold_s={})
    monkeypatch.setattr(playing, "Rig", Stand)
    monkeypatch.setattr(playing, "calibrate", lambda *_: found)

    played = playing.search(Plan(rate=2, seconds=10), tmp_path, os.environ, say=lambda _: None)

    assert rates == [20, 30]
    assert "It breaks at 3.00 a second" in played.text
    assert json.loads(json.dumps(played.document, allow_nan=False))["measured"][1]["left"] == 1.0


def test_usage_is_that_of_this_process() -> None:
    if not usage.available():
        pytest.skip("it is read in Linux's /proc")
    before = usage.of_self()

    sum(range(3_000_000))

    assert usage.of_self().cpu_s >= before.cpu_s
    assert usage.of_self().rss_mb > 10
    assert usage.of_sessions({"ours": os.getsid(0)})["ours"].rss_mb >= 10
    assert 0 < usage.share_of_a_core(seconds=0.05) <= 1.1
