"""What is wrong, why, and the very command that mends it: from a summary to what an operator pastes."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote

from shared.core import naming
from shared.core.operating import mending
from shared.core.operating.summary import MAX_REASONS, reasons_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.operating.summary import FailureGroup, HeldGroup, Reason, Summary
    from shared.core.operating.works import WorkName

ProblemKind = Literal["held", "failed", "dead_event"]

PROGRAM: Final = ".venv/bin/python -m shared.operate"
_RAISE_BUDGET: Final = "raise it ([[budgets]] in the rules)"
_COUNTED_RUN: Final = re.compile(r"(?P<word>.*?)(?P<number>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a deployment's objects lie, as commands name them.

    `below` is the part that is looked at, below a run: `` or such as `uploads/photos/`. `storage_url` is that of an
    emulator, None for Cloud Storage itself.
    """

    results_bucket: str
    work_bucket: str
    results_prefix: str = ""
    below: str = ""
    storage_url: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `first` is what to do before `command`; `next_step` happens by itself, if anything does.

    `worth` says of failures whether a redrive can mend them.
    """

    kind: ProblemKind
    code: str
    count: int
    what: str
    first: str
    command: str
    next_step: str = ""
    reasons: Sequence[Reason] = field(default_factory=tuple)
    until: str | None = None
    worth: bool | None = None


def problems_of(
    summary: Summary, places: Places, *, refused: Mapping[WorkName, str] | None = None
) -> tuple[Problem, ...]:
    """Return everything that somebody has to do something about, and what waits.

    `refused` says of held events' works what mends that no service answers their model today.
    """
    return (
        *(_held(group, (refused or {}).get(group.example)) for group in summary.held),
        *(_failed(group, places) for group in summary.failures),
        *_dead_events(summary, places),
    )


def next_run(run: str) -> str:
    """Return a name for the run that follows.

    >>> next_run("v1"), next_run("final")
    ('v2', 'final-2')
    """
    found = _COUNTED_RUN.fullmatch(run)
    return f"{found['word']}{int(found['number']) + 1}" if found else f"{run}-2"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    >>> counted(1, "event"), counted(2000, "event")
    ('1 event', '2,000 events')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _held(group: HeldGroup, refused: str | None) -> Problem:
    wait = mending.wait_of(group.code)
    why = "no service answers their model today" if refused else wait.why
    if group.place.budget is not None:
        why = "the day's budget of their prefix is reached"
    verb = "is" if group.count == 1 else "are"
    return Problem(
        "held",
        group.code,
        group.count,
        f"{counted(group.count, 'event')} {verb} held: {why}.",
        refused or (_RAISE_BUDGET if group.place.budget else wait.first),
        f"{PROGRAM} release --all{' --wait' if group.place.cause and group.count > 1 else ''}",
        next_step=wait.next_step,
        reasons=group.reasons,
        until=group.until,
    )


def _failed(group: FailureGroup, places: Places) -> Problem:
    mend = mending.mend_of(group.code)
    again = f", {group.redriven:,} of them after a redrive" if group.redriven else ""
    can = "a redrive can mend" if group.worth else "no redrive can mend"
    return Problem(
        "failed",
        group.code,
        group.count,
        f"{counted(group.count, 'failure')} that {can}{again}.",
        _first(mend, group),
        _command(mend, group, places),
        reasons=group.reasons,
        worth=group.worth,
    )


def _first(mend: mending.Mend, group: FailureGroup) -> str:
    if mend.way != "upload":
        return mend.first
    others = " (and so with each of the others)" if group.count > 1 else ""
    return f"{mend.first}, and put it at {_own_copy(group.example)}{others}"


def _command(mend: mending.Mend, group: FailureGroup, places: Places) -> str:
    work = group.example
    match mend.way:
        case "redrive":
            where = f"gs://{places.results_bucket}/{places.results_prefix}{group.run}/{places.below}"
            return f"{PROGRAM} redrive {shlex.quote(where)} --code {shlex.quote(group.code)}"
        case "run":
            return (
                f"{PROGRAM} backfill {shlex.quote(work.uri)} --task {shlex.quote(work.task)}"
                f" --run {shlex.quote(next_run(work.run))}"
            )
        case "upload":
            return _upload(work, places)


def _own_copy(work: WorkName) -> str:
    return f"./{_own_name(work).rpartition('/')[2]}"


def _own_name(work: WorkName) -> str:
    return naming.decode_object_name(work.name) or work.name


def _upload(work: WorkName, places: Places) -> str:
    copy = shlex.quote(_own_copy(work))
    if places.storage_url is None:
        return f"gcloud storage cp {copy} {shlex.quote(work.uri)}"
    name = quote(_own_name(work), safe="")
    url = f"{places.storage_url}/upload/storage/v1/b/{work.bucket}/o?uploadType=media&name={name}"
    return f"curl --fail --data-binary {shlex.quote('@' + _own_copy(work))} {shlex.quote(url)}"


def _dead_events(summary: Summary, places: Places) -> Iterator[Problem]:
    if not summary.dead:
        return
    count = len(summary.dead)
    where = f"gs://{places.work_bucket}/{naming.DEAD}"
    yield Problem(
        "dead_event",
        "",
        count,
        f"{counted(count, 'storage event')} that no function could handle.",
        "see in the logs of `ingest` and `forget` why, and mend that",
        f"{PROGRAM} redrive {shlex.quote(where)}",
        reasons=reasons_of((each.kind or "an event of no known kind", each.uri) for each in summary.dead)[:MAX_REASONS],
    )
