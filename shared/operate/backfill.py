"""`backfill`: look at what lay in a bucket before, by the same rules as uploads, in a lane of its own."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from shared import bootstrap, config
from shared.command_line import DONE, INCOMPLETE, SCHEME, above_zero, bucket_address, moment, task_name
from shared.core import naming
from shared.core.errors import SettingsError
from shared.core.events.envelopes import BATCH_LANE
from shared.core.planning.candidates import Selection, Shard
from shared.core.planning.estimating import Estimate, Samples, TimeLimits, at_batch_price, budget_uses
from shared.core.planning.marks import Mark
from shared.core.planning.pacing import RateLimit
from shared.core.planning.planner import Planner
from shared.operate import deployment
from shared.operate.backfill_report import DoneReport, EstimateReport, ProgressLine
from shared.operate.inventories import open_list
from shared.pipeline.backfill.lane import Lane
from shared.pipeline.backfill.marking import MarkBook
from shared.pipeline.backfill.objects import ListedObjects, objects_at
from shared.pipeline.backfill.run import STILL_S, Backfill
from shared.pipeline.backfill.sampling import learn
from shared.pipeline.backfill.survey import Survey, look_over
from shared.pipeline.job import today
from shared.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.operate.backfill_report import BackfillReport
    from shared.pipeline.backfill.objects import ObjectSequence
    from shared.pipeline.ports import Ports

_MOST_COUNTED = 100_000
"""Objects that are looked at beforehand, so that the time that is left can be told: a minute or two."""

_MOST_IN_BATCHES = 10_000
"""Events that may wait for batch jobs: they keep no thread of a worker, and each is looked at again and again."""

_STILL_IN_BATCHES_S = 900.0
_DIGITS = 9
_EPILOG = """\
Objects get the tasks that an upload would get today: by the rules, their metadata and UPLOAD_BUCKETS. What has its
result in the run is skipped, and so is what has failed there (`redrive` is for that). Nothing can be done again in the
same run, for each image, task and run has one result: name another run (--run v2).

Killed or stopped at any moment, the same command goes on where it was. In a Cloud Run job, each task takes its part by
itself (CLOUD_RUN_TASK_INDEX and CLOUD_RUN_TASK_COUNT are --shard).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `backfill`."""
    parser.add_argument(
        "where", type=_where, metavar="gs://BUCKET[/PREFIX]", help="all objects below it, or the one of that name"
    )
    parser.add_argument(
        "--from",
        dest="list",
        metavar="LIST",
        help="only those that a file or gs:// object lists: an inventory report (CSV with a header, Parquet; of one in"
        " several shards, what their names begin with), or a name by line",
    )
    parser.add_argument(
        "--run", type=_run_name, metavar="RUN", help="the run whose results are to be made (default: RUN)"
    )
    parser.add_argument(
        "--task", type=task_name, action="append", help="only this task of what the rules want; repeatable"
    )
    parser.add_argument(
        "--missing", action="store_true", help="skip what has its result: the default, and the only way"
    )
    parser.add_argument("--since", type=moment, metavar="TIME", help="only objects that were written since then")
    parser.add_argument("--limit", type=_count, metavar="N", help="publish the work of at most N objects")
    parser.add_argument("--shard", type=_shard, metavar="I/N", help="only the I-th of N parts, from 0")
    parser.add_argument(
        "--rate", type=partial(above_zero, what="a number"), metavar="N", help="publish at most N events a second"
    )
    parser.add_argument(
        "--batch", action="store_true", help="let all of it wait for batch jobs: half the price, within a day or two"
    )
    outstanding = (
        "events of each task that may be on their way at once (default: half of THREADS; with --batch"
        f" {_MOST_IN_BATCHES:,})"
    )
    parser.add_argument("--outstanding", type=_count, metavar="N", help=outstanding)
    quota = "calls a minute that Gemini lets you make: for the time that --dry-run tells"
    parser.add_argument("--quota", type=partial(above_zero, what="a number"), metavar="N", help=quota)
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, what it costs and how long it takes"
    )
    parser.add_argument("--anew", action="store_true", help="begin at the beginning, wherever an earlier command was")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead of a table")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Do it, or say what it would be."""
    told = _Told()
    with Progress(lambda: told.line, sys.stderr) as progress:
        job = _job(args)
        if args.dry_run:
            report: BackfillReport = _estimated(job, Mark(limit_left=job.limit), told, most=None)
        else:
            report = _do(job, told, progress, anew=args.anew)
    sys.stdout.write(report.as_json() if args.json else report.as_text())
    return INCOMPLETE if report.left_something else DONE


class _Told:
    """What the line of progress says: it is asked for by a thread of its own."""

    def __init__(self) -> None:
        self._line: Callable[[], str] = lambda: "beginning"

    @property
    def line(self) -> str:
        return self._line()

    def watch(self, line: Callable[[], str]) -> None:
        self._line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    ports: Ports
    objects: ObjectSequence
    selection: Selection
    limits: TimeLimits
    about: dict[str, Any]
    limit: int | None
    most: int
    batch: bool


def _job(args: argparse.Namespace) -> _Job:
    ports = deployment.ports()
    settings, (bucket, prefix) = ports.settings, args.where
    if bucket not in settings.upload_buckets:
        raise SettingsError(f"expected an upload bucket ({', '.join(settings.upload_buckets)}), found {bucket}.")
    if args.batch and not settings.batch:
        raise SettingsError("--batch needs BATCH=true: without it workers ask at once, and nobody follows batch jobs.")
    shard = args.shard or _shard_of_job()
    rules, run_name = bootstrap.rules(), args.run or settings.run
    objects: ObjectSequence
    if args.list is None:
        objects = objects_at(ports.store, bucket, prefix, shard)
    else:
        listed = open_list(args.list, ports.store)
        objects = ListedObjects(ports.store, bucket, listed.entries, listed.content, prefix, shard)
    tasks = frozenset(args.task) if args.task else None
    return _Job(
        ports=ports,
        objects=objects,
        selection=Selection(
            planner=Planner(rules, run_name, settings.service(today(ports))),
            upload_buckets=settings.upload_buckets,
            results_bucket=settings.results_bucket,
            results_prefix=settings.results_prefix,
            tasks=tasks,
            since=args.since,
            lane=BATCH_LANE if args.batch else None,
        ),
        limits=TimeLimits(
            calls_per_day=settings.max_calls_per_day,
            usd_per_day=settings.max_usd_per_day,
            rate_per_s=args.rate,
            quota_per_minute=args.quota,
        ),
        about={
            "objects": objects.about,
            "run": run_name,
            "tasks": sorted(tasks) if tasks else None,
            "since": args.since.isoformat() if args.since else None,
            "limit": args.limit,
            "rules": hashlib.sha256(repr(rules).encode()).hexdigest(),
            "results": f"{SCHEME}{settings.results_bucket}/{settings.results_prefix}",
            **({"batch": True} if args.batch else {}),
        },
        limit=args.limit,
        most=args.outstanding or (_MOST_IN_BATCHES if args.batch else max(1, settings.threads // 2)),
        batch=args.batch,
    )


def _estimated(job: _Job, begin: Mark, told: _Told, *, most: int | None) -> EstimateReport:
    """Look at all that is to be done, or at so many objects, and say what it takes."""
    service, budgets = job.ports.settings.service(today(job.ports)), job.selection.planner.rules.budgets
    findings = Survey(Estimate(service), {budget: Estimate(service) for budget in budgets})
    told.watch(lambda: f"looking: {findings.counts.objects:,} objects, {findings.lacking:,} lack a result")
    look_over(job.objects, job.selection, job.ports, findings, begin=begin, most=most)
    samples = Samples()
    learn(samples, findings.estimate.asked, findings.results, job.ports, bucket=job.objects.bucket)
    rows = findings.estimate.rows(samples)
    return EstimateReport(
        findings,
        [at_batch_price(row) for row in rows] if job.batch else rows,
        job.limits,
        budgets=budget_uses(findings.budgets, samples),
    )


def _do(job: _Job, told: _Told, progress: Progress, *, anew: bool) -> DoneReport:
    book = MarkBook(job.ports, job.about, positions=job.objects.positions)
    known = book.read()
    begin = Mark(limit_left=job.limit)
    if known is not None and not anew and known.finished is None:
        begin = known
        progress.say(f"Going on from its mark {book.name}: {known.counts.objects:,} objects were looked at.")
    estimated = _estimated(job, begin, told, most=_MOST_COUNTED)
    for line in estimated.as_text().splitlines():
        progress.say(line)
    topic = job.ports.settings.backfill_topic or job.ports.settings.image_topic
    work = Backfill(
        job.objects,
        job.selection,
        Lane(job.ports, topic, job.most),
        book,
        begin=begin,
        rate=RateLimit(job.limits.rate_per_s),
        still_s=_STILL_IN_BATCHES_S if job.batch else STILL_S,
    )
    pace = ProgressLine(work.state, estimated.findings, begun_s=job.ports.clock.monotonic_s())
    told.watch(lambda: pace.line(job.ports.clock.monotonic_s()))
    try:
        for state in work.run():
            pace.state = state
    except BaseException:
        progress.say(f"Stopped. {DoneReport(work.state).in_a_line()} The same command goes on from here.")
        raise
    return DoneReport(work.state)


def _shard_of_job() -> Shard:
    """Return which part a task of a Cloud Run job takes; all of it anywhere else."""
    reader = config.Reader(os.environ)
    count = reader.optional_count("CLOUD_RUN_TASK_COUNT") or 1
    index = os.environ.get("CLOUD_RUN_TASK_INDEX", "0").strip()
    if reader.problems or not index.isdecimal() or int(index) >= count:
        raise SettingsError(
            f"expected CLOUD_RUN_TASK_INDEX below CLOUD_RUN_TASK_COUNT, found {index!r} and {count}: unset both, or"
            " say --shard."
        )
    return Shard(int(index), count)


def _where(text: str) -> tuple[str, str]:
    bucket, _, prefix = bucket_address(text, form="gs://BUCKET[/PREFIX]").removeprefix(SCHEME).partition("/")
    return bucket, prefix


def _run_name(text: str) -> str:
    if not naming.is_run_name(text):
        raise argparse.ArgumentTypeError(
            f"expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit, found {text!r}"
        )
    return text


def _shard(text: str) -> Shard:
    index, slash, count = text.partition("/")
    fine = bool(slash) and all(each.isascii() and each.isdecimal() and len(each) <= _DIGITS for each in (index, count))
    if not fine or int(index) >= int(count):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 0 to N-1, such as 0/4, found {text!r}")
    return Shard(int(index), int(count))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)
