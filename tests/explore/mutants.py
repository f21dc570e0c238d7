"""Protocols that are broken on purpose, each in one place: the explorer must find every one of them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, Final

from shared.core.delivery import budget, journal
from shared.core.gemini import prices
from shared.core.results import documents
from shared.core.values import Usage
from shared.pipeline.instance.budget import DayBudget
from shared.pipeline.job import begin
from shared.pipeline.upkeep import dead_letter, unpark
from shared.pipeline.worker import analyze, ask, call, commit, lease, park, send, source_image
from shared.pipeline.worker.lease import HeldLease, Settled
from shared.pipeline.worker.source_image import Read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from shared.core.delivery.budget import Reservation
    from shared.core.events.envelopes import ImageEvent
    from shared.core.results.documents import ResultFile
    from shared.core.values import Source
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.ports import Ports

    Mutation = Callable[[pytest.MonkeyPatch], None]


def skip_the_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "claim", lambda _job, _ports: HeldLease(0, first=True))


def take_live_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "_free", lambda _lease, _ttl_s: True)


def look_for_a_result_before_the_lease(patch: pytest.MonkeyPatch) -> None:
    take = lease._take

    def take_as_it_is_by_now(job: Job, ports: Ports, body: bytes, _: Any) -> HeldLease | None:
        return take(job, ports, body, ports.store.stat(ports.settings.work_bucket, job.paths.lease))

    patch.setattr(lease, "_take", take_as_it_is_by_now)


def never_release(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "release", lambda _job, _held, _ports: None)


def release_without_a_reason(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "after", lambda _error, _held: lease.Past())


def journal_after_parsing(patch: pytest.MonkeyPatch) -> None:
    keep, pictures = ask._journal, analyze._pictures

    def pictures_and_keep(job: Job, ports: Ports, **rest: Any) -> Any:
        keep(job, rest["reply"], ports, number=0, wanted=job.event.tasks)
        return pictures(job, ports, **rest)

    patch.setattr(ask, "_journal", lambda _job, reply, _ports, **_: reply)
    patch.setattr(analyze, "_pictures", pictures_and_keep)


def journal_without_retry(patch: pytest.MonkeyPatch) -> None:
    keep = ask._keep
    patch.setattr(
        ask,
        "_journal",
        lambda job, reply, ports, number, wanted: keep(
            job, reply, journal.format_reply(reply), ports, number=number, wanted=wanted
        ),
    )


def ask_without_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        call, "_call", lambda job, request, _usd, ports: ports.model.generate(request, timeout_s=_left(job, ports))
    )


def document_before_files(patch: pytest.MonkeyPatch) -> None:
    commit_document, write = commit.commit, commit._write_files

    def commit_first(job: Job, document: Mapping[str, Any], files: Sequence[ResultFile], ports: Ports) -> Settled:
        settled = commit_document(job, document, (), ports)
        write(job, files, ports)
        return settled

    patch.setattr(commit, "commit", commit_first)


def event_before_commit(patch: pytest.MonkeyPatch) -> None:
    commit_all = commit.commit

    def tell_first(job: Job, document: Mapping[str, Any], files: Sequence[ResultFile], ports: Ports) -> Settled:
        commit.announce(Settled(document, job.paths.result), ports)
        return commit_all(job, document, files, ports)

    patch.setattr(commit, "commit", tell_first)


def never_tell(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commit, "announce", lambda _settled, _ports: None)


def ignore_the_generation(patch: pytest.MonkeyPatch) -> None:
    def any_generation(job: Job, source: Source, ports: Ports) -> Read:
        return Read(ports.store.read(source.bucket, source.name, max_bytes=job.event.settings.max_bytes))

    patch.setattr(source_image, "_download", any_generation)


def delete_what_was_committed(patch: pytest.MonkeyPatch) -> None:
    announce = commit.announce

    def tell_and_delete(settled: Settled, ports: Ports) -> None:
        announce(settled, ports)
        ports.store.delete(ports.settings.results_bucket, settled.name)

    patch.setattr(commit, "announce", tell_and_delete)


def clean_up_after_death(patch: pytest.MonkeyPatch) -> None:
    work = analyze._work

    def releasing(progress: Any, ports: WorkerPorts) -> None:
        try:
            work(progress, ports)
        except Exception:
            raise
        except BaseException:
            lease.release(progress.job, progress.held, ports)
            raise

    patch.setattr(analyze, "_work", releasing)


def call_a_vanished_document_a_bug(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commit, "_committed", lease.read_settled)


def write_the_time_of_the_replay(patch: pytest.MonkeyPatch) -> None:
    head, ticks = documents._head, itertools.count()
    patch.setattr(documents, "_head", lambda event, key, status, at: head(event, key, status, f"{at}+{next(ticks)}"))


def put_the_key_into_the_event(patch: pytest.MonkeyPatch) -> None:
    announce = commit.announce

    def telling(settled: Settled, ports: Ports) -> None:
        error = {"code": str(ports.settings.gemini_api_key), "message": ""}
        announce(dataclasses.replace(settled, document={**settled.document, "error": error}), ports)

    patch.setattr(commit, "announce", telling)


def bury_without_the_lease(patch: pytest.MonkeyPatch) -> None:
    def record(event: ImageEvent, ports: Ports) -> None:
        job = begin(event, ports)
        done = lease.settled(job, ports)  # of the only task there is
        if done is None:
            dead_letter._commit(job, HeldLease(0, first=True), ports)
        else:
            commit.announce(done, ports)

    patch.setattr(dead_letter, "_record", record)


def trust_the_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(send, "verify", lambda _loads, _ports: None)


MUTANTS: Final[dict[Mutation, str]] = {
    skip_the_lease: "pay once",
    take_live_leases: "pay once",
    look_for_a_result_before_the_lease: "nothing is lost",
    never_release: "lease",
    release_without_a_reason: "lease",
    journal_after_parsing: "pay once",
    journal_without_retry: "pay once",
    ask_without_time: "pay once",
    document_before_files: "no half results",
    event_before_commit: "event after commit",
    never_tell: "acknowledged after commit",
    ignore_the_generation: "right bytes",
    delete_what_was_committed: "one commit",
    clean_up_after_death: "dead",
    call_a_vanished_document_a_bug: "no bug",
    write_the_time_of_the_replay: "same bytes",
    put_the_key_into_the_event: "no secrets",
    bury_without_the_lease: "nothing is lost",
}
"""Each mutation, with the invariant that it breaks."""


def _left(job: Job, ports: Ports) -> float:
    return max(0.05, job.deadline_s - ports.clock.monotonic_s())


def hold_without_keeping(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(park, "_store", lambda *_, **__: None)


def forget_before_publishing(patch: pytest.MonkeyPatch) -> None:
    read = unpark._read

    def read_and_forget(name: str, ports: Ports) -> Any:
        held = read(name, ports)
        if held is not None:
            unpark._forget(held, ports)
        return held

    patch.setattr(unpark, "_read", read_and_forget)


HOLDING_MUTANTS: Final[dict[Mutation, str]] = {
    hold_without_keeping: "event after commit",
    forget_before_publishing: "pay once: late duplicates",
}
"""The same for the scenario in which the day's ceiling is reached."""


def reserve_too_little(patch: pytest.MonkeyPatch) -> None:
    most = prices.reserve_usd
    patch.setattr(prices, "reserve_usd", lambda *arguments, **options: most(*arguments, **options) / 4)


def refund_what_was_lost(patch: pytest.MonkeyPatch) -> None:
    settle = DayBudget.settle

    def trusting(guard: DayBudget, reserved: Reservation, spent_usd: float | None, ports: Ports) -> None:
        settle(guard, reserved, 0.0 if spent_usd is None else spent_usd, ports)

    patch.setattr(DayBudget, "settle", trusting)


def reserve_in_the_first_day_only(patch: pytest.MonkeyPatch) -> None:
    days_of = budget.days_of
    patch.setattr(budget, "days_of", lambda now_iso, timeout_s: days_of(now_iso, timeout_s=timeout_s)[:1])


CEILING_MUTANTS: Final[dict[Mutation, str]] = {
    reserve_too_little: "within the ceiling",
    refund_what_was_lost: "within the ceiling",
    reserve_in_the_first_day_only: "within the ceiling",
}
"""The same for the scenario in which every answer costs as much as it can."""


def take_the_leading_document_for_all(patch: pytest.MonkeyPatch) -> None:
    settled = lease.settled

    def of_the_leading_task(part: Job, ports: Ports) -> Settled | None:
        return settled(dataclasses.replace(part, event=part.event.views()[0], paths=part.leading), ports)

    patch.setattr(lease, "settled", of_the_leading_task)


def forget_which_tasks_were_asked_for(patch: pytest.MonkeyPatch) -> None:
    write = journal.format_reply
    patch.setattr(journal, "format_reply", lambda reply: write(dataclasses.replace(reply, tasks=())))


def tell_the_leading_task_alone(patch: pytest.MonkeyPatch) -> None:
    announce = commit.announce

    def telling(settled: Settled, ports: Ports) -> None:
        if settled.document["task"] == "segment":
            announce(settled, ports)

    patch.setattr(commit, "announce", telling)


def count_in_every_document(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ask, "NOTHING_USED", Usage(1200, 80, None, 1280))


JOINT_MUTANTS: Final[dict[Mutation, str]] = {
    take_the_leading_document_for_all: "acknowledged after commit",
    forget_which_tasks_were_asked_for: "same bytes",
    tell_the_leading_task_alone: "acknowledged after commit",
    count_in_every_document: "counted once",
}
"""The same for the scenario in which one answer serves several tasks."""

REFERENCE_MUTANTS: Final[dict[Mutation, str]] = {trust_the_address: "right bytes"}
"""The same for the scenario in which the model reads the image from its bucket itself."""
