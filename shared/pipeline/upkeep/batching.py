"""One turn of the batch jobs: go on with every job that is open, then make jobs of the lines that wait."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery.batch_records import GIVE_UP_S
from shared.core.errors import FileUnavailableError, ModelRejectedError, PermanentError, TransientError
from shared.pipeline.upkeep import batch_collecting, batch_log, batch_making

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.pipeline.ports import BatchPorts
    from shared.pipeline.upkeep.batch_log import KeptRecord

_PART_OF_TIME = 0.5
"""Of a tick: what is begun later might not end in time."""


def follow_batches(ports: BatchPorts) -> None:
    """Do whatever can be done for batch jobs now. One that fails keeps none of the others from going on.

    Raises:
        TransientError: there is more to do; a further call goes on.
    """
    ends_s = ports.clock.monotonic_s() + _PART_OF_TIME * ports.settings.timeout_s
    failed: list[TransientError] = []
    records, _ = batch_log.read_log(ports)
    for kept in records:
        _try(kept, _go_on, ports, failed)
        _require_time(ends_s, ports)
    for kept in batch_making.plan_jobs(ports):
        _try(kept, _begin, ports, failed)
        _require_time(ends_s, ports)
    if failed:
        raise failed[0]


def _try(
    kept: KeptRecord, step: Callable[[KeptRecord, BatchPorts], None], ports: BatchPorts, failed: list[TransientError]
) -> None:
    try:
        step(kept, ports)
    except TransientError as error:
        logs.warning("a batch job waits for the next tick", number=kept.record.number, reason=str(error))
        failed.append(error)
    except (FileUnavailableError, PermanentError) as error:
        logs.error("a batch job cannot be gone on with", number=kept.record.number, reason=str(error))


def _require_time(ends_s: float, ports: BatchPorts) -> None:
    if ports.clock.monotonic_s() > ends_s:
        raise TransientError("The time of this tick is up: another one goes on with the batch jobs.")


def _begin(kept: KeptRecord, ports: BatchPorts) -> None:
    """Create the job of a record, or give it up where the service never takes it."""
    try:
        if kept.record.state == "planned":
            batch_making.begin_job(kept, ports)
        else:
            batch_making.find_job(kept, ports)
    except ModelRejectedError as error:
        # Read anew: it was changed on the way here, by this very call.
        records, _ = batch_log.read_log(ports)
        for each in records:
            if each.record.number == kept.record.number:
                batch_collecting.give_up_job(each, ports, reason=error.message)


def _go_on(kept: KeptRecord, ports: BatchPorts) -> None:
    record = kept.record
    if record.state == "planned" and _age_s(record.made_at, ports) > GIVE_UP_S:
        batch_collecting.give_up_job(kept, ports, reason="the service has not taken the job for a day")
    elif record.state in ("planned", "creating"):
        _begin(kept, ports)
    else:
        _follow(kept, ports)


def _follow(kept: KeptRecord, ports: BatchPorts) -> None:
    """Look how far a job is, and deal with its answers once it has ended."""
    record = kept.record
    job = ports.batches.get(record.job or "", timeout_s=batch_making.CALL_S)
    if job is None or job.ended:
        if job is not None and job.error:
            logs.error("a batch job has failed", number=record.number, state=job.state, reason=job.error)
        batch_collecting.collect(kept, job, ports)
    elif job.state != record.seen:
        batch_log.change(kept, replace(record, seen=job.state), ports)


def _age_s(moment: str, ports: BatchPorts) -> float:
    now, then = (dt.datetime.fromisoformat(each) for each in (ports.clock.now_iso(), moment))
    return (now - then).total_seconds()
