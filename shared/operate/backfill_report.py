"""What `backfill` says: what it would do and cost, where it is, and what came of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.core.planning.estimating import total
from shared.operate.tables import printable, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.planning.estimating import BudgetUse, CallEstimate, Row, TimeLimits
    from shared.pipeline.backfill.run import BackfillState
    from shared.pipeline.backfill.survey import Survey

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


class BackfillReport(Protocol):
    """What a command ends with."""

    @property
    def left_something(self) -> bool:
        """Whether anything is left that the command could not do."""

    def as_text(self) -> str:
        """Return it for people, in lines."""

    def as_json(self) -> str:
        """Return it for programs, as one document."""


@dataclass(frozen=True, slots=True)
class EstimateReport:
    """What is to be done, what it costs, and how long it takes."""

    findings: Survey
    rows: Sequence[Row]
    limits: TimeLimits
    budgets: Sequence[BudgetUse] = ()
    left_something: bool = False

    @property
    def _durations_s(self) -> Mapping[str, float]:
        usd = total(self.rows).usd
        events = sum(row.events for row in self.rows)
        return self.limits.durations_s(events=events, usd=usd.likely if usd else 0.0)

    def as_text(self) -> str:
        """Return it for people."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        found = self.findings
        more = "" if found.complete else " at least (the rest was not looked at yet)"
        events = sum(row.events for row in self.rows)
        yield (
            f"{found.counts.objects:,} objects{more}, of which {found.lacking:,} lack results:"
            f" {events:,} image events, {_size(found.counts.bytes)}."
        )
        yield from _left(found.left_out)
        if found.counts.existing:
            yield f"Skipped: {found.counts.existing:,} results are there already."
        if found.counts.failed_before:
            yield f"Skipped: {found.counts.failed_before:,} failed before; `redrive` gives them another chance."
        if self.rows:
            yield table(_HEADER, [*map(_cells, self.rows), _total_cells(self.rows)])
            yield from self._basis()
        for what, seconds in self._durations_s.items():
            yield f"{what} alone makes it last {_duration(seconds)}."
        for use in self.budgets:
            if use.reached and use.budget.scope:
                yield (
                    f"The budget of {printable(use.budget.scope.words)} ({use.budget.words} a day) would be reached: it"
                    f" alone makes its {use.events:,} image events last {_duration(use.seconds)}."
                )
        if self.rows and self.limits.quota_per_minute is None:
            yield "Gemini's own quota is not known here: say --quota CALLS_PER_MINUTE for the time that it takes."

    def _basis(self) -> Iterator[str]:
        learned = [row for row in self.rows if row.sampled]
        guessed = sorted({f"{row.task} by {row.model}" for row in self.rows if not row.sampled})
        if learned:
            yield (
                "Low, likely and high are the cheapest tenth, the mean and the dearest tenth of results that are there"
                " already (column `sample`), at today's list price."
            )
        if guessed:
            yield (
                f"Guessed, for there are no results to learn from: {', '.join(guessed)}. A picture counts as 4000 x"
                " 3000 pixels, an answer as what a photograph with a few things in it takes; low is an eighth of that"
                " answer, high the most that can be billed. After `--limit 50` it is learned from those results."
            )

    def as_json(self) -> str:
        """Return it for programs."""
        found, cost = self.findings, total(self.rows)
        document = {
            "dry_run": True,
            "complete": found.complete,
            "objects": found.counts.objects,
            "lacking": found.lacking,
            "events": sum(row.events for row in self.rows),
            "bytes": found.counts.bytes,
            "existing": found.counts.existing,
            "failed_before": found.counts.failed_before,
            "left_out": dict(found.left_out),
            "rows": [
                {"task": row.task, "model": row.model, "events": row.events, "sample": row.sampled, **_cost(row.cost)}
                for row in self.rows
            ],
            "total": _cost(cost),
            "unpriced": sum(row.events for row in self.rows if row.cost.usd is None),
            "seconds": dict(self._durations_s),
            "budgets": [
                {
                    "budget_of": use.budget.scope.words if use.budget.scope else None,
                    "events": use.events,
                    "seconds": use.seconds,
                    "reached": use.reached,
                }
                for use in self.budgets
            ],
        }
        return json.dumps(document, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class DoneReport:
    """What came of it, or has come so far."""

    state: BackfillState

    @property
    def left_something(self) -> bool:
        """Whether anything failed, now or before, or has a model that does not answer."""
        counts = self.state.counts
        return counts.failed + counts.failed_before + counts.held > 0

    def in_a_line(self) -> str:
        """Return the numbers in one sentence."""
        counts = self.state.counts
        return (
            f"{counts.objects:,} objects: {counts.published:,} image events published, {counts.done:,} done,"
            f" {counts.failed:,} failed, {counts.gone:,} of uploads that are gone, {self.state.outstanding:,}"
            f" outstanding; {counts.existing:,} results were there already; about {self.state.usd:.2f} dollars by"
            " this command."
        )

    def as_text(self) -> str:
        """Return it for people."""
        lines = [self.in_a_line(), *_left(self.state.left_out)]
        failed = self.state.counts.failed + self.state.counts.failed_before
        if failed:
            lines.append(f"{failed:,} have failed: mend the cause, then `redrive` gives them another chance.")
        return "".join(f"{line}\n" for line in lines)

    def as_json(self) -> str:
        """Return it for programs."""
        document = {
            "dry_run": False,
            **asdict(self.state.counts),
            "outstanding": self.state.outstanding,
            "left_out": dict(self.state.left_out),
            "usd": round(self.state.usd, 6),
        }
        return json.dumps(document, indent=2) + "\n"


class ProgressLine:
    """The line of progress. Remaining time is told where everything was looked at before."""

    def __init__(self, state: BackfillState, findings: Survey, *, begun_s: float) -> None:
        self.state = state
        self._begun_s = begun_s
        self._before = _ended(state)
        rows = findings.estimate.events
        self._events = rows if findings.complete else None

    def line(self, now_s: float) -> str:
        """Return where it is, at this moment of the monotonic clock."""
        ended, seconds = _ended(self.state) - self._before, now_s - self._begun_s
        rate = ended / seconds if seconds > 0 else 0.0
        parts = [f"{ended:,} done" if self._events is None else f"{ended:,} of {self._events:,} done"]
        if self._events:
            parts[0] += f" ({100 * min(1.0, ended / self._events):.0f} %)"
        parts += [f"{self.state.outstanding} on their way", f"{rate:.1f}/s", f"about {self.state.usd:.2f} dollars"]
        if self._events is not None and rate > 0:
            parts.append(f"{_duration(max(0, self._events - ended) / rate)} left")
        if self.state.held:
            held = ", ".join(f"{count} until {hour}:00Z" for hour, count in sorted(self.state.held.items()))
            parts.append(f"held: {held}")
        elif self.state.still_s > _MINUTE_S:
            parts.append(f"nothing has moved for {_duration(self.state.still_s)}")
        return ", ".join(parts)


def _ended(state: BackfillState) -> int:
    return state.counts.done + state.counts.failed + state.counts.gone


_HEADER = (
    *("task", "model", "events", "sample", "prompt tokens", "output tokens"),
    *("usd low", "usd likely", "usd high"),
)


def _cells(row: Row) -> list[str]:
    sample = str(row.sampled) if row.sampled else "none"
    return [row.task, row.model, f"{row.events:,}", sample, *_numbers(row.cost)]


def _total_cells(rows: Sequence[Row]) -> list[str]:
    return ["total", "", f"{sum(row.events for row in rows):,}", "", *_numbers(total(rows))]


def _numbers(cost: CallEstimate) -> list[str]:
    usd = (
        ["unknown"] * 3
        if cost.usd is None
        else [f"{each:,.2f}" for each in (cost.usd.low, cost.usd.likely, cost.usd.high)]
    )
    return [f"{cost.prompt.likely:,.0f}", f"{cost.output.likely:,.0f}", *usd]


def _cost(cost: CallEstimate) -> dict[str, Any]:
    usd = None if cost.usd is None else {name: round(value, 6) for name, value in asdict(cost.usd).items()}
    return {
        "prompt_tokens": {name: round(value) for name, value in asdict(cost.prompt).items()},
        "output_tokens": {name: round(value) for name, value in asdict(cost.output).items()},
        "usd": usd,
    }


def _left(left_out: Mapping[str, int]) -> Iterator[str]:
    for reason, count in sorted(left_out.items(), key=lambda each: (-each[1], each[0])):
        yield f"Left out: {count:,} ({printable(reason)})."


def _size(count: int) -> str:
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:  # noqa: PLR2004 - the next unit
        size, units = size / 1000, units[1:]
    return f"{size:,.0f} {units[0]}" if units[0] == "bytes" else f"{size:,.1f} {units[0]}"


def _duration(seconds: float) -> str:
    for unit_s, name in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.0f} seconds"
