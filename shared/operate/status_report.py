"""One report of `status`: put together from what was read, and as JSON (`uplook.status/1`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.operating.batch_work import BatchWork
    from shared.core.operating.problems import Problem
    from shared.core.operating.story import Happening, Story
    from shared.core.operating.summary import AtWork, HeldGroup, Queue, Reason, Summary, Use

STATUS_SCHEMA: Final = "uplook.status/1"


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What is told of a place. `backlog` says in words why it is unknown, where it is; `story` is that of one image.

    `unreadable` says what could not be read, and why.
    """

    where: str
    summary: Summary
    problems: Sequence[Problem]
    backlog: Sequence[Queue] | str
    story: Story | None = None
    unreadable: Sequence[str] = ()


def report_document(report: StatusReport) -> dict[str, Any]:
    """Return the report as JSON; docs/operating.md promises its form."""
    summary = report.summary
    return {
        "schema": STATUS_SCHEMA,
        "where": report.where,
        "at": summary.at,
        "results": [
            {"task": task, "status": status, "count": count} for (task, status), count in summary.results.items()
        ],
        "at_work": [_at_work(each) for each in summary.at_work],
        "waiting": [_reason(each) for each in summary.waiting],
        "held": [_held(each) for each in summary.held],
        **({} if summary.batches is None else {"batches": _batches(summary.batches)}),
        "problems": [_problem(each) for each in report.problems],
        "settled_failures": summary.settled,
        "today": {
            "answers": summary.calls_today,
            "usd": round(summary.usd_today, 8),
            "unpriced": summary.unpriced_today,
            "ceilings": [_use(each) for each in summary.used],
        },
        "backlog": None if isinstance(report.backlog, str) else [asdict(each) for each in report.backlog],
        "story": None if report.story is None else [_happening(each) for each in report.story.happenings],
        "unreadable": list(report.unreadable),
    }


def _batches(work: BatchWork) -> dict[str, Any]:
    return {
        "waiting": work.waiting,
        "oldest_s": round(work.oldest_s),
        "back": work.back,
        "jobs": [
            {
                "number": each.number,
                "name": each.display_name,
                "job": each.job,
                "model": each.model,
                "lines": len(each.lines),
                "state": each.seen.lower() or each.state,
                "made_at": each.made_at,
            }
            for each in work.jobs
        ],
    }


def _at_work(each: AtWork) -> dict[str, Any]:
    return asdict(each)


def _reason(each: Reason) -> dict[str, Any]:
    return asdict(each)


def _held(each: HeldGroup) -> dict[str, Any]:
    return {
        "code": each.code,
        "count": each.count,
        "since": each.since,
        "until": each.until,
        "tasks": dict(sorted(each.tasks.items())),
    }


def _problem(each: Problem) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "code": each.code or None,
        "count": each.count,
        "what": each.what,
        "reasons": [_reason(one) for one in each.reasons],
        "until": each.until,
        "next_step": each.next_step or None,
        "redrive_can_mend": each.worth,
        "first": each.first,
        "command": each.command,
    }


def _use(each: Use) -> dict[str, Any]:
    return {
        "budget_of": each.ceiling.scope.words if each.ceiling.scope else None,
        "until": each.until,
        "calls": each.calls,
        "max_calls": each.ceiling.calls,
        "usd": each.usd,
        "max_usd": each.ceiling.usd,
    }


def _happening(each: Happening) -> dict[str, Any]:
    return {
        "at": each.at,
        "kind": each.kind,
        "run": each.run or None,
        "task": each.task or None,
        "told": each.told,
        "usd": each.usd,
        "details": dict(each.details),
    }
