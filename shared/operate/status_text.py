"""What `status` prints for people: 80 columns are enough, and more are used where there are more."""

from __future__ import annotations

import datetime as dt
import textwrap
from typing import TYPE_CHECKING, Final, get_args

from shared.core.operating.problems import counted
from shared.core.values import Status
from shared.operate.tables import printable, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.core.operating.problems import Problem
    from shared.core.operating.story import Story
    from shared.core.operating.summary import AtWork, Reason, Summary, Use
    from shared.operate.status_report import StatusReport

NARROWEST: Final = 80
MAX_LINES: Final = 10
COMMAND: Final = " " * 8
"""What stands before a command, and before nothing else."""


def report_text(report: StatusReport, *, width: int) -> str:
    """Return a report in lines of at most `width` columns; a command, which is to be pasted, is never broken."""
    width = max(NARROWEST, width)
    parts = [_head(report)]
    if report.story is not None:
        parts.append(_story(report.story, width))
    else:
        parts.append(_results(report.summary, width))
    parts += [_at_work(report.summary, width), _waiting(report.summary, width), _batches(report.summary)]
    if report.story is None:
        parts += [_today(report.summary, width), _backlog(report, width)]
    parts.append(_problems(report.problems, width))
    return "\n\n".join(part for part in parts if part) + "\n"


def age(seconds: float) -> str:
    """Return how long something took or waits, in its two largest units at most.

    >>> age(42), age(200), age(7300), age(200000)
    ('42 s', '3 min', '2 h 1 min', '2 d 7 h')
    """
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes == 0:
        return f"{seconds:.0f} s"
    if hours == 0:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days == 0 else f"{days} d {hours % 24} h"


def _head(report: StatusReport) -> str:
    return f"{printable(report.where)}, at {clock(report.summary.at)} UTC"


def _batches(summary: Summary) -> str:
    """Tell of batch jobs, where there are any."""
    work = summary.batches
    if work is None:
        return ""
    lines = [f"Batch jobs: {counted(work.sent, 'ask')} in {counted(len(work.jobs), 'job')}"]
    if work.waiting:
        lines.append(f"  {counted(work.waiting, 'ask')} for the next tick, the oldest since {age(work.oldest_s)}")
    if work.back:
        lines.append(f"  {counted(work.back, 'ask')} back, and about to be committed")
    rows = [
        [str(each.number), each.seen.lower() or each.state, str(len(each.lines)), each.model, clock(each.made_at)]
        for each in work.jobs[:MAX_LINES]
    ]
    if rows:
        lines.append(textwrap.indent(table(["job", "state", "asks", "model", "made (UTC)"], rows), "  "))
    return "\n".join(lines)


def clock(moment: str) -> str:
    """Return a moment (RFC 3339, UTC) as people read it.

    >>> clock("2026-11-29T08:00:00.000Z")
    '2026-11-29 08:00:00'
    """
    return dt.datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S")


def _results(summary: Summary, width: int) -> str:
    if not summary.results:
        return "No results."
    statuses = [each for each in get_args(Status) if any(each == status for _, status in summary.results)]
    statuses += sorted({status for _, status in summary.results} - set(statuses))
    tasks = sorted({task for task, _ in summary.results})
    rows = [_row(task, summary.results, statuses) for task in tasks]
    if len(tasks) > 1:
        total = [sum(int(row[at]) for row in rows) for at in range(1, len(statuses) + 2)]
        rows.append(["total", *map(str, total)])
    settled = (
        f"Of the failures, {summary.settled:,} need nothing: a newer upload of the same name has its result."
        if summary.settled
        else ""
    )
    return "\n".join(filter(None, [table(["results", *statuses, "all"], rows), _wrapped(settled, width)]))


def _row(task: str, results: Mapping[tuple[str, str], int], statuses: Sequence[str]) -> list[str]:
    counts = [results.get((task, status), 0) for status in statuses]
    return [task, *map(str, counts), str(sum(counts))]


def _at_work(summary: Summary, width: int) -> str:
    if not summary.at_work:
        return "Nobody is at work now."
    shown = [_one_at_work(each, summary.at, width) for each in summary.at_work[:MAX_LINES]]
    return "\n".join([f"At work now: {len(summary.at_work):,}", *shown, *_more(len(summary.at_work))])


def _one_at_work(each: AtWork, at: str, width: int) -> str:
    since_s = (dt.datetime.fromisoformat(at) - dt.datetime.fromisoformat(each.since)).total_seconds()
    line = f"{each.task} of {each.uri} since {clock(each.since)} ({age(max(0.0, since_s))}), attempt {each.attempt}"
    return _wrapped(line, width, indent=2)


def _more(count: int) -> list[str]:
    return [f"  and {count - MAX_LINES:,} more"] if count > MAX_LINES else []


def _waiting(summary: Summary, width: int) -> str:
    if not summary.waiting:
        return ""
    count = sum(each.count for each in summary.waiting)
    what = (
        f"{counted(count, 'event')} failed for a moment, and Pub/Sub delivers {'it' if count == 1 else 'them'} again:"
    )
    shown = summary.waiting[:MAX_LINES]
    return "\n".join([what, *(_reason(each, width) for each in shown), *_more(len(summary.waiting))])


def _reason(reason: Reason, width: int, *, indent: int = 2) -> str:
    example = f" ({'such as ' if reason.count > 1 else ''}{reason.example})" if reason.example else ""
    times = f"{reason.count:,} times: " if reason.count > 1 else ""
    return _wrapped(f"{times}{reason.text}{example}", width, indent=indent, hanging=2)


def _today(summary: Summary, width: int) -> str:
    unpriced = f" and {summary.unpriced_today:,} of unknown price" if summary.unpriced_today else ""
    done = (
        f"Today, since 08:00 UTC: results of {counted(summary.calls_today, 'answer')} for"
        f" {summary.usd_today:.4f} dollars{unpriced}."
    )
    lines = [done, *(_use(each) for each in summary.used)]
    return "\n".join(_wrapped(line, width) for line in (lines if summary.used else [*lines, "There is no ceiling."]))


def _use(use: Use) -> str:
    parts = []
    if use.ceiling.calls is not None and use.calls is not None:
        parts.append(f"{use.calls:,.0f} of {use.ceiling.calls:,} calls")
    if use.ceiling.usd is not None and use.usd is not None:
        parts.append(f"{use.usd:.4f} of {use.ceiling.usd:g} dollars")
    whose = f"the budget of {use.ceiling.scope.words}" if use.ceiling.scope else "the ceiling"
    return f"Of {whose}, {' and '.join(parts)} are taken until {clock(use.until)} UTC."


def _backlog(report: StatusReport, width: int) -> str:
    if isinstance(report.backlog, str):
        return _wrapped(report.backlog, width)
    waiting = [each for each in report.backlog if each.messages]
    if not waiting:
        return "Nothing waits in Pub/Sub."
    rows = [
        [each.subscription, f"{each.messages:,}", "unknown" if each.oldest_s is None else age(each.oldest_s)]
        for each in waiting
    ]
    return table(["backlog of", "messages", "oldest"], rows)


def _problems(problems: Sequence[Problem], width: int) -> str:
    if not problems:
        return "Nothing is stuck."
    return "\n\n".join(_problem(number, each, width) for number, each in enumerate(problems, 1))


def _problem(number: int, problem: Problem, width: int) -> str:
    code = f" [{problem.code}]" if problem.code else ""
    lines = [_wrapped(f"{number}. {problem.what}{code}", width, hanging=3)]
    lines += [_reason(each, width, indent=3) for each in problem.reasons]
    subject = "It waits" if problem.count == 1 else "They wait"
    until = f"{subject} until {clock(problem.until)} UTC. " if problem.until else ""
    if until or problem.next_step:
        lines.append(_wrapped(f"{until}{problem.next_step}", width, indent=3))
    lines.append(_wrapped(f"First, {problem.first}. Then:", width, indent=3))
    return "\n".join([*lines, f"{COMMAND}{printable(problem.command)}"])


def _story(story: Story, width: int) -> str:
    lines = []
    for each in story.happenings:
        about = f"{each.run} {each.task}: " if each.task else ""
        lines.append(_wrapped(f"{clock(each.at)}  {about}{each.told}", width, hanging=21))
    unpriced = f", and {counted(story.unpriced, 'answer')} of unknown price" if story.unpriced else ""
    return "\n".join([*lines, f"All answers together: {story.usd:.6f} dollars{unpriced}."])


def _wrapped(text: str, width: int, *, indent: int = 0, hanging: int = 0) -> str:
    """Break lines between words; names and addresses stay whole."""
    return textwrap.fill(
        printable(text),
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )
