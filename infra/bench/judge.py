"""From samples to summaries, ratios and met or missed targets: pure."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from infra.bench.model import Judgement, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.bench.model import Benchmark, Metric, Sample, Target, Variant


def outcome(benchmark: Benchmark, samples: Mapping[str, Sequence[Sample]]) -> Outcome:
    """Return the results by variant and the targets whose variants were all measured."""
    plain = {
        variant.name: summary(variant, samples[variant.name])
        for variant in benchmark.variants
        if samples.get(variant.name)
    }
    results = tuple(_with_ratios(result, plain) for result in plain.values())
    judged = tuple(judge(target, plain) for target in benchmark.targets if _measured(target, plain))
    return Outcome(benchmark, results, judged)


def summary(variant: Variant, samples: Sequence[Sample]) -> Result:
    """Return the median of the wall times, the least CPU time and the highest peak of memory."""
    walls = [sample.wall_ms for sample in samples]
    return Result(
        name=variant.name,
        says=variant.says,
        runs=len(samples),
        median_ms=median(walls),
        min_ms=min(walls),
        max_ms=max(walls),
        cpu_ms=min(sample.cpu_ms for sample in samples),
        base_rss_mb=max((sample.base_rss_mb for sample in samples if sample.base_rss_mb is not None), default=None),
        peak_rss_mb=max(sample.peak_rss_mb for sample in samples),
        facts=samples[0].facts,
        against=variant.against,
    )


def judge(target: Target, results: Mapping[str, Result]) -> Judgement:
    """Compare the worst of the target's variants with its limit and its goal."""
    off = _metric(results[target.beyond], target.metric) if target.beyond is not None else 0.0
    values = [_metric(results[name], target.metric) - off for name in target.of]
    worst = max(values) if target.bound == "at most" else min(values)
    if target.over is not None:
        worst /= _metric(results[target.over], target.metric)
    met = target.keeps(worst, target.limit)
    reached = met if target.goal is None else target.keeps(worst, target.goal)
    return Judgement(target.says, worst, target.bound, target.limit, met, target.goal, reached)


def _measured(target: Target, results: Mapping[str, Result]) -> bool:
    named = (*target.of, target.over, target.beyond)
    return all(name in results for name in named if name is not None)


def _with_ratios(result: Result, results: Mapping[str, Result]) -> Result:
    reference = results.get(result.against or "")
    if reference is None:
        return result
    return replace(
        result,
        cpu_ratio=result.cpu_ms / reference.cpu_ms,
        rss_ratio=result.peak_rss_mb / reference.peak_rss_mb,
    )


def _metric(result: Result, metric: Metric) -> float:
    value: float = result.min_ms if metric == "wall_ms" else getattr(result, metric)
    return value
