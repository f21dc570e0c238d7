"""Figures of a run, measured or simulated, and tables of both. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from infra.load.measured import Run, Sample
    from infra.load.system import Outcome

WITHIN: Final = 0.25
"""How far the simulation may be from the run, in throughput and in the 95th percentile."""

_ROWS: Final = 12


@dataclass(frozen=True, slots=True)
class Figures:
    """`throughput` is uploads that finished, a second, from the first arrival to the last end; times are seconds."""

    uploads: int
    finished: int
    held: int
    failed: int
    waiting: int
    throughput: float
    p50_s: float
    p95_s: float
    p99_s: float
    redeliveries: int
    most_backlog: int


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of all are at or below, between two of them by their distance; nan of none.

    >>> percentile([1, 2, 3, 4], 50), percentile([5], 95)
    (2.5, 5.0)
    """
    if not values:
        return math.nan
    ordered, place = sorted(values), (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def figures(ends: Sequence[tuple[float, float | None]], *, held: int, failed: int, redeliveries: int) -> Figures:
    """Return the figures of uploads, each with its arrival and its end."""
    pairs = [(arrived, finished) for arrived, finished in ends if finished is not None]
    latencies = [finished - arrived for arrived, finished in pairs]
    span_s = max(finished for _, finished in pairs) - min(arrived for arrived, _ in ends) if pairs else math.nan
    return Figures(
        uploads=len(ends),
        finished=len(pairs),
        held=held,
        failed=failed,
        waiting=len(ends) - len(pairs) - held - failed,
        throughput=len(pairs) / span_s if pairs else 0.0,
        p50_s=percentile(latencies, 50),
        p95_s=percentile(latencies, 95),
        p99_s=percentile(latencies, 99),
        redeliveries=redeliveries,
        most_backlog=most_at_once(ends),
    )


def most_at_once(ends: Sequence[tuple[float, float | None]]) -> int:
    """Return how many uploads were there at most that had arrived and not ended.

    >>> most_at_once([(0, 3), (1, 2), (2, None)])
    2
    """
    moments = sorted([(arrived, 1) for arrived, _ in ends] + [(end, -1) for _, end in ends if end is not None])
    most = there = 0
    for _, change in moments:
        there += change
        most = max(most, there)
    return most


def of_run(run: Run) -> Figures:
    """Return the figures of a measured run."""
    return figures(
        [(each.arrived_s, each.finished_s) for each in run.uploads],
        held=sum(each.held for each in run.uploads),
        failed=sum(each.failed for each in run.uploads),
        redeliveries=run.samples[-1].failed if run.samples else 0,
    )


def of_outcome(outcome: Outcome) -> Figures:
    """Return the figures of a simulation."""
    return figures(
        [(each.arrived_s, each.finished_s) for each in outcome.uploads],
        held=sum(each.held and not each.dead for each in outcome.uploads),
        failed=sum(each.dead for each in outcome.uploads),
        redeliveries=sum(each.failed for each in outcome.tallies.values()),
    )


def apart(measured: Figures, simulated: Figures) -> dict[str, float]:
    """Return by which part of what was measured the simulation differs, in what is judged."""
    return {
        name: abs(getattr(simulated, name) - getattr(measured, name)) / getattr(measured, name)
        if getattr(measured, name)
        else math.inf
        for name in ("throughput", "p95_s")
    }


def agree(measured: Figures, simulated: Figures) -> bool:
    """Whether the simulation is near enough to the run; nan is not."""
    return all(each <= WITHIN for each in apart(measured, simulated).values())


_WORDS: Final = {
    "uploads": "uploads",
    "finished": "finished",
    "held": "held",
    "failed": "failed",
    "waiting": "not ended",
    "throughput": "finished a second",
    "p50_s": "50th percentile, s",
    "p95_s": "95th percentile, s",
    "p99_s": "99th percentile, s",
    "redeliveries": "redeliveries",
    "most_backlog": "most at once",
}


def side_by_side(measured: Figures, simulated: Figures) -> str:
    """Return both as a table, with the ratio of what is judged."""
    far = apart(measured, simulated)
    lines = [f"{'':22}{'measured':>12}{'simulated':>12}{'ratio':>8}"]
    for name, words in _WORDS.items():
        one, other = getattr(measured, name), getattr(simulated, name)
        judged = "" if name not in far else "  agrees" if far[name] <= WITHIN else f"  over {WITHIN:.0%} apart"
        ratio = f"{other / one:8.2f}" if name in far and one else f"{'':8}"
        lines.append(f"{words:22}{_number(one):>12}{_number(other):>12}{ratio}{judged}".rstrip())
    return "\n".join(lines)


def over_time(run: Run) -> str:
    """Return what the samples show: backlog, redeliveries, cores and memory, in a dozen rows at most."""
    lines = [f"{'second':>7}{'arrived':>9}{'finished':>9}{'backlog':>9}{'given back':>12}{'cores':>7}{'memory MB':>11}"]
    for before, sample in picked(run.samples):
        arrived = sum(each.arrived_s <= sample.at_s for each in run.uploads)
        backlog = sum(sample.backlog.values())
        memory = sum(each.rss_mb for each in sample.usage.values())
        lines.append(
            f"{sample.at_s:7.0f}{arrived:9}{sample.finished:9}{backlog:9}{sample.failed:12}"
            f"{cores(before, sample):7.2f}{memory:11.0f}"
        )
    return "\n".join(lines)


def by_process(run: Run) -> str:
    """Return what each process used: CPU for each upload, the most cores, the most memory."""
    lines = [f"{'process':14}{'CPU ms / upload':>16}{'most cores':>12}{'most MB':>9}"]
    first, last = run.samples[0], run.samples[-1]
    for name in last.usage:
        cpu_s = last.usage[name].cpu_s - first.usage[name].cpu_s
        peak = max((cores(before, each, name) for before, each in picked(run.samples)), default=0.0)
        memory = max(each.usage[name].rss_mb for each in run.samples)
        lines.append(f"{name:14}{1000 * cpu_s / len(run.uploads):16.1f}{peak:12.2f}{memory:9.0f}")
    return "\n".join(lines)


def picked(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Return a dozen samples at most, evenly, each with the one before it."""
    every = max(1, math.ceil((len(samples) - 1) / _ROWS))
    chosen = [*samples[::every]]
    if samples and chosen[-1] is not samples[-1]:
        chosen.append(samples[-1])
    return list(itertools.pairwise(chosen))


def cores(before: Sample, after: Sample, name: str | None = None) -> float:
    """Return how many cores were used between two samples, by one process or by all."""
    used = [after.usage[each].cpu_s - before.usage[each].cpu_s for each in after.usage if name in {None, each}]
    return sum(used) / max(after.at_s - before.at_s, 1e-9)


def document(run: Run, simulated: Figures, *, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything for machines."""
    measured = of_run(run)
    return {
        "schema": "uplook.load/1",
        **facts,
        "measured": _finite(asdict(measured)),
        "simulated": _finite(asdict(simulated)),
        "apart": _finite(apart(measured, simulated)),
        "agree": agree(measured, simulated),
        "retries": run.retries,
        "latencies_s": sorted(
            round(each.finished_s - each.arrived_s, 3) for each in run.uploads if each.finished_s is not None
        ),
        "samples": [asdict(each) for each in run.samples],
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(each, float) and not math.isfinite(each) else each for name, each in values.items()
    }


def _number(value: float) -> str:
    return f"{value:d}" if isinstance(value, int) else f"{value:.2f}"
