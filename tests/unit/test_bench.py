from __future__ import annotations

import importlib
from pathlib import Path
from typing import Literal

import pytest

import main
from infra.bench import bombs, judge, measure, report
from infra.bench.floor.stage import Stage
from infra.bench.model import Benchmark, Outcome, Sample, Target, Variant
from infra.bench.registry import BENCHMARKS

OURS = Variant("ours", "our way", "a:b", quick=3)
THEIRS = Variant("theirs", "their way", "a:c", against="ours", quick=1, full=2)
SKIPPED = Variant("skipped", "", "a:d", quick=0)


def sample(wall_ms: float, *, cpu_ms: float = 1.0, peak: float = 50.0, base: float | None = 20.0) -> Sample:
    return Sample(wall_ms, cpu_ms, base, peak, {"files": 11})


def measured(*targets: Target) -> Outcome:
    benchmark = Benchmark("masks", "an answer becomes files", (OURS, THEIRS, SKIPPED), targets)
    return judge.outcome(
        benchmark,
        {
            "ours": [sample(30.0, cpu_ms=2.0), sample(10.0, peak=60.0), sample(20.0, cpu_ms=7.0)],
            "theirs": [sample(400.0, cpu_ms=30.0, peak=180.0)],
        },
    )


def test_variants_take_turns_until_each_has_its_runs() -> None:
    names = [variant.name for variant in measure.turns((OURS, THEIRS, SKIPPED), "quick")]
    assert names == ["ours", "theirs", "ours", "ours"]


def test_a_summary_holds_the_median_time_the_least_cpu_time_and_the_highest_peak() -> None:
    ours = measured().results[0]
    assert ours.cpu_ms == 1.0
    assert (ours.runs, ours.median_ms, ours.min_ms, ours.max_ms) == (3, 20.0, 10.0, 30.0)
    assert (ours.base_rss_mb, ours.peak_rss_mb) == (20.0, 60.0)
    assert ours.facts == {"files": 11}


def test_ratios_are_over_the_variant_that_is_compared_with() -> None:
    ours, theirs = measured().results
    assert (ours.cpu_ratio, ours.rss_ratio) == (None, None)
    assert (theirs.cpu_ratio, theirs.rss_ratio) == (30.0, 3.0)


def test_a_start_has_no_base_memory() -> None:
    assert judge.summary(OURS, [sample(1.0, base=None)]).base_rss_mb is None


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("x", "cpu_ms", ("theirs",), "at least", 30, "ours"), 30.0, True),
        (Target("x", "cpu_ms", ("theirs",), "at least", 30.1, "ours"), 30.0, False),
        (Target("x", "cpu_ms", ("ours", "theirs"), "at least", 2, "ours"), 1.0, False),
        (Target("x", "cpu_ms", ("theirs",), "at most", 29, "ours", beyond="ours"), 29.0, True),
        (Target("x", "cpu_ms", ("ours",), "at most", 0, "theirs", beyond="ours"), 0.0, True),
        (Target("x", "peak_rss_mb", ("ours", "theirs"), "at most", 180), 180.0, True),
        (Target("x", "peak_rss_mb", ("ours", "theirs"), "at most", 179), 180.0, False),
    ],
)
def test_a_target_judges_the_worst_of_its_variants(target: Target, value: float, met: bool) -> None:
    (judgement,) = measured(target).judgements
    assert (judgement.value, judgement.met) == (value, met)


@pytest.mark.parametrize(
    "target",
    [
        Target("x", "peak_rss_mb", ("ours", "skipped"), "at most", 1),
        Target("x", "cpu_ms", ("ours",), "at most", 1, "skipped"),
        Target("x", "cpu_ms", ("theirs",), "at most", 1, "ours", beyond="skipped"),
    ],
)
def test_a_target_is_not_judged_without_a_measurement(target: Target) -> None:
    assert measured(target).judgements == ()


def test_time_is_judged_beside_a_baseline_of_the_same_run_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="an absolute bound on time: CPU ms of a caption"):
        Target("CPU ms of a caption", "cpu_ms", ("ours",), "at most", 20)


@pytest.mark.parametrize(
    ("bound", "limit", "goal", "verdict"),
    [
        ("at most", 40, 30, (True, True)),
        ("at most", 40, 29, (True, False)),
        ("at most", 29, 28, (False, False)),
        ("at least", 20, 30, (True, True)),
        ("at least", 20, 31, (True, False)),
    ],
)
def test_a_goal_that_is_not_reached_is_told_and_fails_no_run(
    bound: Literal["at most", "at least"], limit: float, goal: float, verdict: tuple[bool, bool]
) -> None:
    outcome = measured(Target("x", "cpu_ms", ("theirs",), bound, limit, "ours", goal=goal))
    (judgement,) = outcome.judgements
    assert (judgement.met, judgement.reached) == verdict
    assert report.all_met([outcome]) == judgement.met
    assert (f"(the goal of {goal} is not reached)" in report.table([outcome])) == (not judgement.reached)


def test_a_goal_lies_within_its_limit() -> None:
    with pytest.raises(ValueError, match="a goal within the limit of 20, found 21: x"):
        Target("x", "cpu_ms", ("theirs",), "at most", 20, "ours", goal=21)


@pytest.mark.parametrize("speed", [0.1, 1.0, 10.0])
def test_the_speed_of_the_machine_changes_no_verdict(speed: float) -> None:
    ours, theirs = sample(20.0 / speed, cpu_ms=10.0 / speed), sample(400.0 / speed, cpu_ms=300.0 / speed)
    target = Target("theirs / ours", "cpu_ms", ("theirs",), "at least", 30, "ours")
    outcome = judge.outcome(Benchmark("x", "y", (OURS, THEIRS), (target,)), {"ours": [ours], "theirs": [theirs]})
    (judgement,) = outcome.judgements
    assert judgement.met
    assert judgement.value == pytest.approx(30.0)


def test_the_table_shows_numbers_ratios_and_verdicts() -> None:
    outcome = measured(
        Target("theirs / ours", "cpu_ms", ("theirs",), "at least", 10, "ours"),
        Target("peak MB", "peak_rss_mb", ("ours",), "at most", 55),
    )
    assert report.table([outcome]) == (
        "masks: an answer becomes files\n"
        "  variant  median ms  CPU ms  peak MB  base MB  runs  CPU  memory  over\n"
        "  ours            20       1       60       20     3\n"
        "  theirs         400      30      180       20     1  30x      3x  ours\n"
        "    ours: our way [files 11]\n"
        "    theirs: their way [files 11]\n"
        "  met    theirs / ours: 30, at least 10\n"
        "  MISSED peak MB: 60, at most 55\n"
    )


def test_the_document_holds_results_by_name_and_one_verdict_for_all() -> None:
    outcome = measured(Target("peak MB", "peak_rss_mb", ("ours",), "at most", 55))
    document = report.document([outcome], {"cores": 2}, "quick")
    assert (document["mode"], document["machine"], document["met"]) == ("quick", {"cores": 2}, False)
    masks = document["benchmarks"]["masks"]
    assert masks["variants"]["theirs"]["cpu_ratio"] == 30.0
    assert masks["targets"] == [
        {
            "says": "peak MB",
            "value": 60.0,
            "bound": "at most",
            "limit": 55,
            "met": False,
            "goal": None,
            "reached": False,
        }
    ]


def test_all_targets_are_met_where_none_is_missed() -> None:
    assert report.all_met([measured(), measured(Target("x", "peak_rss_mb", ("ours",), "at most", 60))])


def test_measured_processes_may_write_bytecode_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("FUNCTION_TARGET", "caption")
    monkeypatch.setenv("LANG", "C")
    found = measure.environment(tmp_path)
    assert found["PYTHONPYCACHEPREFIX"] == str(tmp_path / "pycache")
    assert found["LANG"] == "C"
    assert {"PYTHONDONTWRITEBYTECODE", "FUNCTION_TARGET"}.isdisjoint(found)


def test_a_process_that_fails_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(measure.MeasurementError, match=r"(?s)exit code 1.*no such picture"):
        measure.run_python(tmp_path, "-c", "raise SystemExit('no such picture')")


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_name_in_the_registry_leads_somewhere(benchmark: Benchmark) -> None:
    names = [variant.name for variant in benchmark.variants]
    assert len(set(names)) == len(names)
    for target in benchmark.targets:
        assert {*target.of, target.over or names[0], target.beyond or names[0]} <= set(names)
    for variant in benchmark.variants:
        assert variant.against in {None, *names}
        module, _, function = variant.run.partition(":")
        if variant.kind == "served":
            side, _, served = variant.argument.partition(" ")
            assert callable(getattr(Stage, variant.run))
            assert side in {"ours", "bare"}
            assert served in main.__all__
            continue
        assert variant.kind == "start" or callable(getattr(importlib.import_module(module), function))


def test_hostile_replies_have_a_megabyte() -> None:
    sizes = {kind: len(text) for kind, text in bombs.REPLIES.items()}
    assert {kind: size for kind, size in sizes.items() if not 1_000_000 <= size < 1_001_000} == {}
    assert 990_000 < len(bombs.harmless_reply()) < 1_000_000
