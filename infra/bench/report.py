"""One JSON document for machines, one table for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.bench.model import Facts, Judgement, Mode, Outcome, Result

_HEADINGS = ("variant", "median ms", "CPU ms", "peak MB", "base MB", "runs", "CPU", "memory", "over")


def document(outcomes: Sequence[Outcome], machine: Mapping[str, object], mode: Mode) -> dict[str, Any]:
    """Return everything that was measured."""
    return {
        "schema": "uplook.bench/2",
        "mode": mode,
        "machine": machine,
        "met": all_met(outcomes),
        "benchmarks": {outcome.benchmark.name: _benchmark(outcome) for outcome in outcomes},
    }


def all_met(outcomes: Sequence[Outcome]) -> bool:
    """Whether no target was missed."""
    return all(judgement.met for outcome in outcomes for judgement in outcome.judgements)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the same as text, a block for each benchmark."""
    return "\n".join(_block(outcome) for outcome in outcomes)


def _benchmark(outcome: Outcome) -> dict[str, Any]:
    return {
        "says": outcome.benchmark.says,
        "variants": {result.name: _rounded(asdict(result)) for result in outcome.results},
        "targets": [_rounded(asdict(judgement)) for judgement in outcome.judgements],
    }


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}


def _block(outcome: Outcome) -> str:
    rows = [_HEADINGS, *(_row(result) for result in outcome.results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [f"{outcome.benchmark.name}: {outcome.benchmark.says}", *(_line(row, widths) for row in rows)]
    lines += [f"    {result.name}: {result.says}{_facts(result.facts)}" for result in outcome.results if result.says]
    lines += [f"  {_verdict(judgement)}" for judgement in outcome.judgements]
    return "\n".join(lines) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        number(result.median_ms),
        number(result.cpu_ms),
        f"{result.peak_rss_mb:.0f}",
        "" if result.base_rss_mb is None else f"{result.base_rss_mb:.0f}",
        str(result.runs),
        _times(result.cpu_ratio),
        _times(result.rss_ratio),
        result.against or "",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True))
    return f"  {row[0].ljust(widths[0])}  {'  '.join(cells)}  {row[-1]}".rstrip()


def _facts(facts: Facts) -> str:
    return f" [{', '.join(f'{name} {value}' for name, value in facts.items())}]" if facts else ""


def _verdict(judgement: Judgement) -> str:
    met = "met   " if judgement.met else "MISSED"
    found = number(judgement.value)
    short = "" if judgement.reached or judgement.goal is None else f" (the goal of {judgement.goal:g} is not reached)"
    return f"{met} {judgement.says}: {found}, {judgement.bound} {judgement.limit:g}{short}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{number(ratio)}x"


def number(value: float) -> str:
    """Three figures are what these measurements are worth."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - from three digits on
