"""Parked events are published again: by every tick those whose time has come, by command whichever are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core import naming
from shared.core.errors import NotFoundError, PermanentError
from shared.core.events import envelopes
from shared.core.naming import PARKED
from shared.pipeline.concurrency import concurrently
from shared.pipeline.upkeep import vouching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import Message
    from shared.pipeline.ports import Ports

_READ = 100


@dataclass(frozen=True, slots=True)
class _Parked:
    name: str
    generation: int
    message: Message


def unpark_due(ports: Ports) -> int:
    """Unpark what has waited long enough; return how many events that was."""
    now_iso = ports.clock.now_iso()
    return sum(unpark(until, ports) for until in parked_hours(ports) if until <= now_iso)


def parked_hours(ports: Ports) -> Sequence[str]:
    """Return the hours (`2026-11-22T08`, UTC) until which events are parked, the earliest first."""
    folders = ports.store.list_folders(ports.settings.work_bucket, PARKED)
    return [folder.removeprefix(PARKED).rstrip("/") for folder in folders]


def unpark(until: str, ports: Ports) -> int:
    """Publish every event parked until this hour, and forget that it was parked; return how many.

    Whoever dies in between publishes some twice, which costs nothing: each still ends in one result.

    Raises:
        TransientError: some are still parked; a further call goes on.
    """
    names = ports.store.list_names(ports.settings.work_bucket, f"{PARKED}{until}/")
    released = sum(_unpark_some(names[at : at + _READ], ports) for at in range(0, len(names), _READ))
    if released:
        logs.info("released held events", until=until, events=released)
    return released


def _unpark_some(names: Sequence[str], ports: Ports) -> int:
    parked = [each for each in concurrently([partial(_read, name, ports) for name in names]) if each is not None]
    for batch in envelopes.batches(parked, lambda each: each.message):
        ports.publisher.publish(ports.settings.image_topic, [each.message for each in batch])
        concurrently([partial(_forget, each, ports) for each in batch])
    return len(parked)


def _read(name: str, ports: Ports) -> _Parked | None:
    bucket = ports.settings.work_bucket
    there = ports.store.stat(bucket, name)
    if there is None:
        return None  # another call was faster
    try:
        data = ports.store.read(bucket, name, generation=there.generation, max_bytes=envelopes.MAX_BATCH_BYTES)
        event = envelopes.parse_image_event(data)
    except NotFoundError:
        return None
    except PermanentError as error:
        reason: str | None = error.message
    else:
        reason = _why_foreign(name, event, ports)
    if reason is not None:  # it must neither be obeyed nor keep the others waiting
        logs.error("not a held event of ours: it stays where it is", held=name, reason=reason)
        return None
    return _Parked(name, there.generation, envelopes.format_image_event(event))


def _why_foreign(name: str, event: ImageEvent, ports: Ports) -> str | None:
    until = name.removeprefix(PARKED).partition("/")[0]
    own_name = naming.paths(event.source, run=event.run, task=event.task).parked(until)
    return vouching.why_unvouched(event, ports) if name == own_name else f"its event belongs to {own_name}"


def _forget(parked: _Parked, ports: Ports) -> None:
    # Exactly what was published: an event that was parked again meanwhile has another generation.
    ports.store.delete(ports.settings.work_bucket, parked.name, generation=parked.generation)
