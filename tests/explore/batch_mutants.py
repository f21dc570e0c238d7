"""Ways of following batch jobs that are broken on purpose, each in one place: the explorer must find all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.memory import MemoryStore
from shared.core.delivery import batch_records
from shared.core.errors import BatchedError
from shared.core.gemini import batches
from shared.core.gemini.batches import JobAnswers, LineAnswer
from shared.core.naming import BATCH_LINES
from shared.pipeline.upkeep import batch_collecting, batch_files, batch_log, batch_making, forget
from shared.pipeline.upkeep.batch_log import KeptRecord
from shared.pipeline.worker import ask, batch_line, source_image

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pytest

    from shared.core.delivery.batch_records import BatchRecord
    from shared.pipeline.job import Job
    from shared.pipeline.ports import BatchPorts, Ports
    from tests.explore.mutants import Mutation


def create_without_looking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_making, "find_job", batch_making.begin_job)


def create_before_it_is_written_down(patch: pytest.MonkeyPatch) -> None:
    change = batch_log.change

    def late(kept: KeptRecord, record: BatchRecord, ports: Ports) -> KeptRecord | None:
        if record.state == "creating":
            return KeptRecord(record, kept.generation, 0.0)
        return change(kept, record, ports)

    patch.setattr(batch_log, "change", late)


def let_both_jobs_go_on(patch: pytest.MonkeyPatch) -> None:
    choose = batch_records.choose_job
    patch.setattr(batch_records, "choose_job", lambda found: (choose(found)[0], ()))


def let_a_late_job_go_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_making, "_cancel_unless_followed", lambda *_: None)


def take_lines_that_are_taken(patch: pytest.MonkeyPatch) -> None:
    choose = batch_records.lines_for_job
    patch.setattr(batch_records, "lines_for_job", lambda waiting, _, limits: choose(waiting, (), limits))


def replace_lines_in_any_generation(patch: pytest.MonkeyPatch) -> None:
    replace = MemoryStore.replace

    def whatever_is_there(store: MemoryStore, bucket: str, name: str, data: bytes, **how: Any) -> int:
        if name.startswith(BATCH_LINES):  # looked at in the very moment, and not when the step was asked for
            there = store.stat(bucket, name)
            how["generation"] = there.generation if there else 0
        return replace(store, bucket, name, data, **how)

    patch.setattr(MemoryStore, "replace", whatever_is_there)


def go_by_the_order(patch: pytest.MonkeyPatch) -> None:
    def in_order(texts: Iterable[bytes], lines: Collection[str], _: str) -> JobAnswers:
        documents = [json.loads(text) for text in texts if text.startswith(b'{"') and text.endswith(b"}")]
        answers = [LineAnswer(each["response"]) for each in documents]
        return JobAnswers(dict(zip(sorted(lines), answers, strict=False)))

    patch.setattr(batches, "read_answers", in_order)


def never_publish(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_collecting, "_publish", lambda *_: None)


def close_before_publishing(patch: pytest.MonkeyPatch) -> None:
    publish, change = batch_collecting._publish, batch_log.change
    late: list[tuple[Sequence[Any], BatchPorts]] = []

    def close_first(kept: KeptRecord, record: BatchRecord, ports: Any) -> KeptRecord | None:
        changed = change(kept, record, ports)
        while record.state == "closed" and late:
            publish(*late.pop())
        return changed

    def wait(events: Sequence[Any], ports: BatchPorts) -> None:
        late[:] = [(events, ports)]

    patch.setattr(batch_collecting, "_publish", wait)
    patch.setattr(batch_log, "change", close_first)


def close_without_looking_at_the_answers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_collecting, "_settle", lambda *_, **__: None)


def try_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_records, "MAX_TRIES", 99)


def remove_the_line_before_the_journal(patch: pytest.MonkeyPatch) -> None:
    look = batch_line.look

    def look_and_remove(job: Job, held: Any, ports: Any) -> Any:
        line = look(job, held, ports)
        if line is not None:
            batch_line.drop(job, ports)
        return line

    patch.setattr(batch_line, "look", look_and_remove)


def leave_the_line(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_line, "drop", lambda *_, **__: None)


def journal_by_the_name_of_whoever_waited(patch: pytest.MonkeyPatch) -> None:
    journal = ask._journal

    def as_it_was(job: Job, reply: Any, ports: Any, **rest: Any) -> Any:
        line = batch_line._stored(job, ports)
        return journal(job, line.entry if line else reply, ports, **rest)

    patch.setattr(ask, "_journal", as_it_was)


def believe_that_the_image_is_still_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(source_image, "require_live", lambda *_: None)


def tell_before_the_line_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_line, "_keep", _pretend_to_keep)


def _pretend_to_keep(*_: Any) -> None:
    raise BatchedError("The ask waits for a batch job.")


def forget_no_line(patch: pytest.MonkeyPatch) -> None:
    places = forget._places
    patch.setattr(forget, "_places", lambda ports: [each for each in places(ports) if each.root != BATCH_LINES])


def leave_the_files(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch_files, "delete", lambda *_: None)


BATCH_MUTANTS: Final[dict[Mutation, tuple[str, str, str]]] = {
    create_without_looking: ("batch", "once", "pay once"),
    create_before_it_is_written_down: ("batch", "once", "pay once"),
    let_both_jobs_go_on: ("batch", "once", "pay once"),
    let_a_late_job_go_on: ("batch", "once", "pay once"),
    take_lines_that_are_taken: ("batch", "once", "pay once"),
    replace_lines_in_any_generation: ("withdrawn", "stalled", "forgotten"),
    go_by_the_order: ("batch", "once", "right bytes"),
    never_publish: ("batch", "once", "pay once: late duplicates"),
    close_before_publishing: ("batch", "once", "pay once: late duplicates"),
    close_without_looking_at_the_answers: ("batch", "once", "nothing is lost"),
    try_for_ever: ("halfdone", "once", "nothing is lost"),
    remove_the_line_before_the_journal: ("batch", "once", "pay once"),
    leave_the_line: ("batch", "once", "line"),
    journal_by_the_name_of_whoever_waited: ("batch", "once", "same bytes"),
    believe_that_the_image_is_still_the_same: ("halfdone", "overwrite", "right bytes"),
    tell_before_the_line_is_kept: ("batch", "once", "event after commit"),
    forget_no_line: ("withdrawn", "once", "forgotten"),
    leave_the_files: ("halfdone", "once", "forgotten"),
}
"""Each mutation, with the scenario and the schedule that show it, and the invariant that it breaks."""
