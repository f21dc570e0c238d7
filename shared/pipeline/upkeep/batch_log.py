"""The log of batch records in the work bucket: read whole, added to under the next number, changed by generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import logs
from shared.core.delivery import batch_records
from shared.core.delivery.batch_records import MAX_RECORD_BYTES, RECORD_STATE, BatchRecord, BatchRecordError
from shared.core.errors import AlreadyExistsError, ChangedError, NotFoundError, PermanentError, TransientError
from shared.core.naming import BATCH_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.pipeline.ports import Ports

_TYPE = "application/json"
_READS = 5


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it lies there, written `age_s` ago by the server's clock."""

    record: BatchRecord
    generation: int
    age_s: float


def read_log(ports: Ports) -> tuple[list[KeptRecord], int]:
    """Return all records that are not closed, in the order of their numbers, and the last number that is taken."""
    found, last = [], 0
    for number, name, generation, state, age_s in _listed(ports):
        last = max(last, number)
        kept = None if state == "closed" else _read(name, number, generation=generation, age_s=age_s, ports=ports)
        if kept is not None and kept.record.state != "closed":
            found.append(kept)
    return found, last


def add(record: BatchRecord, ports: Ports) -> KeptRecord | None:
    """Write a record under its number; None where somebody else has taken that.

    Raises:
        TransientError: nobody knows whether it is there.
    """
    name = batch_records.record_name(record.number, folder=BATCH_RECORDS)
    data = batch_records.format_record(record)
    try:
        generation = ports.store.create(
            ports.settings.work_bucket, name, data, content_type=_TYPE, metadata={RECORD_STATE: record.state}
        )
    except AlreadyExistsError:
        return _own(name, record, ports)
    return KeptRecord(record, generation, 0.0)


def change(kept: KeptRecord, record: BatchRecord, ports: Ports) -> KeptRecord | None:
    """Write what has become of a record; None where somebody else has changed it meanwhile.

    Raises:
        TransientError: nobody knows whether it is written.
    """
    name = batch_records.record_name(record.number, folder=BATCH_RECORDS)
    data = batch_records.format_record(record)
    try:
        generation = ports.store.replace(
            ports.settings.work_bucket,
            name,
            data,
            generation=kept.generation,
            content_type=_TYPE,
            metadata={RECORD_STATE: record.state},
        )
    except ChangedError:
        return _own(name, record, ports)
    return KeptRecord(record, generation, 0.0)


def followed_job(number: int, ports: Ports) -> str | None:
    """Return the name of the job that a record says is its own by now, or None where it has none."""
    name = batch_records.record_name(number, folder=BATCH_RECORDS)
    there = ports.store.stat(ports.settings.work_bucket, name)
    kept = _read(name, number, generation=there.generation, age_s=there.age_s, ports=ports) if there else None
    return kept.record.job if kept else None


def _own(name: str, record: BatchRecord, ports: Ports) -> KeptRecord | None:
    """Return the record if it is this very write, whose answer was lost. Its attempt tells it from all others."""
    there = ports.store.stat(ports.settings.work_bucket, name)
    kept = _read(name, record.number, generation=there.generation, age_s=there.age_s, ports=ports) if there else None
    return kept if kept is not None and record.attempt and kept.record == record else None


def _listed(ports: Ports) -> Iterator[tuple[int, str, int, str, float]]:
    for name, info in ports.store.list_objects(ports.settings.work_bucket, BATCH_RECORDS):
        number = batch_records.number_of(name, folder=BATCH_RECORDS)
        if number is None:
            logs.error("not one of our batch records: it is left aside", object=name)
            continue
        yield number, name, info.generation, info.metadata.get(RECORD_STATE, ""), info.age_s


def _read(name: str, number: int, *, generation: int, age_s: float, ports: Ports) -> KeptRecord | None:
    """Read a record, as it is by now where somebody changes it just then: lines of one that was left out go twice.

    Raises:
        TransientError: it changes faster than it can be read.
    """
    work = ports.settings.work_bucket
    for _ in range(_READS):
        try:
            data = ports.store.read(work, name, generation=generation, max_bytes=MAX_RECORD_BYTES)
            return KeptRecord(batch_records.parse_record(data, number=number), generation, age_s)
        except NotFoundError:
            there = ports.store.stat(work, name)
            if there is None:
                return None
            generation, age_s = there.generation, there.age_s
        except (BatchRecordError, PermanentError) as error:
            logs.error("not one of our batch records: it is left aside", object=name, reason=str(error))
            return None
    raise TransientError(f"gs://{work}/{name} changes faster than it can be read.")
