"""When uploads come, what a calibration is made of, and what is told of a run."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.load import report
from infra.load.arrivals import drawn
from infra.load.calibration import calibrated, local_system
from infra.load.measured import Delivery, Fate, Run, Sample
from infra.load.report import Figures, agree, figures, percentile
from infra.load.system import Pushing, simulate
from infra.load.usage import Usage

FIGURES = Figures(10, 10, 0, 0, 0, 2.0, 3.0, 5.0, 6.0, 0, 4)


@given(st.floats(0.1, 20), st.floats(1, 100), st.integers(1, 9), st.integers(0, 99))
def test_uploads_come_in_order_in_bursts_and_as_often_as_was_asked(
    rate: float, seconds: float, burst: int, seed: int
) -> None:
    found = drawn(rate=rate, seconds=seconds, burst=burst, seed=seed)

    assert len(found) == max(1, round(rate * seconds))
    assert list(found) == sorted(found)
    assert 0 <= found[0] <= found[-1] <= seconds
    assert len(set(found)) <= math.ceil(len(found) / burst)
    assert found == drawn(rate=rate, seconds=seconds, burst=burst, seed=seed)


def test_a_load_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a rate, seconds and a burst above 0, found 0, 1 and 1"):
        drawn(rate=0, seconds=1, burst=1, seed=1)


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0, 100))
def test_a_percentile_lies_among_the_values(values: list[float], percent: float) -> None:
    found = percentile(values, percent)

    assert min(values) <= found <= max(values)
    assert sum(each <= found for each in values) >= math.floor((len(values) - 1) * percent / 100)


def test_figures_count_every_upload_once() -> None:
    found = figures([(0, 2), (1, 4), (3, None), (4, None)], held=1, failed=0, redeliveries=7)

    assert (found.uploads, found.finished, found.held, found.waiting) == (4, 2, 1, 1)
    assert found.throughput == pytest.approx(2 / 4)
    assert found.p50_s == pytest.approx(2.5)
    assert found.most_backlog == 2
    assert figures([(0, None)], held=0, failed=0, redeliveries=0).throughput == 0


@pytest.mark.parametrize(
    ("throughput", "p95_s", "expected"),
    [(2.0, 5.0, True), (1.5, 6.25, True), (1.49, 5.0, False), (2.0, 6.3, False), (2.0, math.nan, False)],
)
def test_a_quarter_apart_is_near_enough(throughput: float, p95_s: float, expected: bool) -> None:
    assert agree(FIGURES, replace(FIGURES, throughput=throughput, p95_s=p95_s)) is expected


def test_where_nothing_finished_nothing_agrees() -> None:
    nothing = figures([(0, None)], held=0, failed=0, redeliveries=0)

    assert not agree(nothing, nothing)


def told() -> tuple[Run, list[Sample]]:
    """Four uploads, one every two seconds: each waits 0.3 s in ingest, and its workers 0.1 s before and 0.4 s after."""
    uploads, deliveries = [], []
    for number in range(4):
        at_s = 1000.0 + 2 * number
        uploads.append(Fate(f"{number}", 2.0 * number, 2.0 * number + 1.9))
        deliveries.append(Delivery("ingest", f"{number}", at_s + 0.1, None, at_s + 0.4, 204))
        deliveries += [
            Delivery(name, f"{number}", at_s + 0.4, at_s + 0.5, at_s + 1.9, 204) for name in ("caption", "segment")
        ]
    first, last = (
        Sample(at_s, 0, {"caption": 1}, 0, 0, {name: Usage(1 + cpu_s * at_s, 100) for name, cpu_s in USED.items()})
        for at_s in (0.0, 8.0)
    )
    quiet = [Sample(at_s, 0, {}, 0, 0, dict.fromkeys(USED, Usage(1 + IDLE * at_s, 100))) for at_s in (0.0, 4.0)]
    return Run(1000.0, uploads, [first, last], deliveries, retries=2), quiet


IDLE = 0.01
USED = dict.fromkeys(["load", "pubsub", "storage", "gemini", "ingest", "caption", "segment"], 0.03)
"""Cores in use, those of an idle stack among them: 40 ms for each upload."""


def test_a_simulation_of_the_calibration_is_as_long_as_the_calibration() -> None:
    run, quiet = told()
    found = calibrated(run, idle=quiet, cores=2, others=1.0, latency_s=1.0, cold_s={})
    names = ("ingest", *found.workers)
    system = local_system(
        found,
        concurrency=dict.fromkeys(names, 8),
        pushing={name: Pushing(100) for name in names},
        latency_s=1.0,
        deadline_s=100,
        spread=((1.0, 1.0),),
    )

    ended = simulate(system, [0.0, 20.0], seed=1).uploads

    assert found.cpu_s == pytest.approx(dict.fromkeys(USED, 0.04))
    assert found.workers == ("caption", "segment")
    assert found.share_before["caption"] == pytest.approx(0.2)
    assert [each.finished_s - each.arrived_s for each in ended if each.finished_s] == pytest.approx([1.9] * 2, rel=0.02)


def test_a_calibration_in_which_an_upload_was_lost_teaches_nothing() -> None:
    run, quiet = told()
    run.uploads[1].finished_s = None

    with pytest.raises(ValueError, match="every upload of the calibration to end well, found 1 that did not"):
        calibrated(run, idle=quiet, cores=2, others=0, latency_s=1.0, cold_s={})


def test_tables_fit_a_terminal_and_the_document_is_json() -> None:
    run, _ = told()

    text = [report.over_time(run), report.by_process(run), report.side_by_side(FIGURES, replace(FIGURES, p95_s=9.0))]
    document = report.document(run, report.of_run(run), facts={"plan": {}})

    assert max(len(line) for part in text for line in part.splitlines()) <= 80
    assert "1.80  over 25% apart" in text[-1]
    assert json.loads(json.dumps(document, allow_nan=False))["agree"] is True
    assert document["latencies_s"] == [1.9] * 4
