"""Parked events are published again: as many as the day has room for, the oldest first, and one of a cause as a probe.

Nothing is published to be parked again: a tick lists names, and reads only what it releases. What that costs is told in
docs/operating.md, and counted in tests/unit/test_pipeline_release.py.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import logs
from shared.core import jsontext, naming
from shared.core.delivery import budget, holding
from shared.core.delivery.holding import PROBES, Entry, Place, Probe
from shared.core.errors import ChangedError, NotFoundError, PermanentError
from shared.core.events import envelopes
from shared.core.naming import PARKED, REPLIES
from shared.pipeline.concurrency import concurrently
from shared.pipeline.upkeep import vouching
from shared.pipeline.upkeep.rehearsal import rehearsing
from shared.pipeline.upkeep.room import note_released, room_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import Message
    from shared.core.values import Source
    from shared.pipeline.ports import Ports

AHEAD, UNDER_WAY = "one goes ahead as a probe", "the probe is under way"
NOT_MENDED = "not mended yet: another one goes ahead as a probe"
"""The notes of a cause whose others wait for a probe; the last one tells of a probe that has met the same again."""

_READ = 100
_MAX_PROBE_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Released:
    """What a release did for one reason to wait. `cause` is None for a day without room; `note` says why any stay.

    `budget` is the id of the budget that had no room; None: the whole deployment had none.
    """

    cause: str | None
    waiting: int
    released: int
    note: str = ""
    budget: str | None = None


@dataclass(frozen=True, slots=True)
class _Parked:
    name: str
    generation: int
    message: Message
    source: Source


@dataclass(frozen=True, slots=True)
class _Waiting:
    """All parked events of one reason, and those of them whose time has come."""

    all: Sequence[Entry]
    due: Sequence[Entry]


def unpark_due(ports: Ports) -> int:
    """Release what the time has come for and the day has room for; return how many events that was.

    Raises:
        TransientError: some are still parked; a further call goes on.
    """
    return sum(each.released for each in unpark(ports))


def unpark(ports: Ports, *, early: bool = False, until: str | None = None, dry_run: bool = False) -> Sequence[Released]:
    """Release events, the oldest uploads first; return what became of each reason to wait.

    `early` releases those whose hour has not come, too, and believes that the day has room again although others met
    its end: somebody has raised the ceiling. `until` is one hour alone, such as `2026-11-22T08`. A `dry_run` returns
    what would become of them, and changes nothing.

    Whoever dies in between publishes some twice, which costs nothing: each still ends in one result.

    Raises:
        TransientError: some are still parked; a further call goes on.
    """
    ports = rehearsing(ports) if dry_run else ports
    now_iso = ports.clock.now_iso()
    places = parked_places(ports)
    wanted = {each for each in places if (early or each.due(now_iso)) and until in (None, each.hour)}
    by_reason: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in places:
        by_reason[place.cause or "", place.budget or ""].append(place)
    released = []
    for reason, alike in sorted(by_reason.items()):
        if wanted.isdisjoint(alike):
            continue
        waiting = _waiting(alike, wanted, ports)
        cause, of_budget = (each or None for each in reason)
        done = (
            _for_want_of_room(waiting, places, ports, early=early, of_budget=of_budget)
            if cause is None
            else _mended(cause, waiting, ports)
        )
        released.append(done)
        if done.released and not dry_run:
            logs.info("released held events", events=done.released, waiting=done.waiting, note=done.note)
    return released


def parked_places(ports: Ports) -> Sequence[Place]:
    """Return the folders of parked events, those of the earliest hour first."""
    folders = ports.store.list_folders(ports.settings.work_bucket, PARKED)
    found = (holding.parse_place(folder.removeprefix(PARKED).rstrip("/")) for folder in folders)
    return [place for place in found if place is not None]


def _waiting(places: Sequence[Place], wanted: set[Place], ports: Ports) -> _Waiting:
    names = {place: ports.store.list_names(ports.settings.work_bucket, f"{PARKED}{place.name}/") for place in places}
    return _Waiting(
        holding.oldest_first(name for each in names.values() for name in each),
        holding.oldest_first(name for place, each in names.items() if place in wanted for name in each),
    )


def _for_want_of_room(
    waiting: _Waiting, places: Sequence[Place], ports: Ports, *, early: bool, of_budget: str | None
) -> Released:
    """Release what waits for a day in which the deployment has room, and the budget that it was held for."""
    end_of_day = budget.end_of(budget.day_of(ports.clock.now_iso()))
    if not early and Place(end_of_day) in places:
        note = "today's ceiling or quota is reached: others have met it"
        return Released(None, len(waiting.due), 0, note, of_budget)
    if not early and Place(end_of_day, budget=of_budget) in places:
        return Released(None, len(waiting.due), 0, "today's budget is reached: others have met it", of_budget)
    room = room_calls(ports, of_budget)
    if early:
        count = len(waiting.due) if room is None else min(room, len(waiting.due))
    else:
        count = holding.batch(len(waiting.due), room=room)
    done = _publish(waiting.due, ports, count=count)
    return Released(None, len(waiting.due), done, _why_left(done, waiting, room=room, of_budget=of_budget), of_budget)


def _mended(cause: str, waiting: _Waiting, ports: Ports) -> Released:
    """Release what waits for the deployment to be mended: one as a probe, the others when one has ended well."""
    probe = _last_probe(cause, ports)
    if probe is None:
        return _send_probe(cause, waiting, ports, AHEAD)
    well = holding.ended_well(probe, waiting.all, answered=_answered(probe, ports), now_iso=ports.clock.now_iso())
    if well is None:
        return Released(cause, len(waiting.due), 0, UNDER_WAY)
    if not well:
        return _send_probe(cause, waiting, ports, NOT_MENDED)
    room = room_calls(ports)
    done = _publish(waiting.due, ports, count=len(waiting.due) if room is None else room)
    if done:  # the first of them is the next probe: should the fault be back, the rest is not sent after it
        _keep_probe(cause, waiting.due[0].work, ports)
    return Released(cause, len(waiting.due), done, _why_left(done, waiting, room=room))


def _why_left(done: int, waiting: _Waiting, *, room: int | None, of_budget: str | None = None) -> str:
    if done >= len(waiting.due):
        return ""
    if room is None or done < room:
        return "the next tick goes on"
    return "the day has no more room" if of_budget is None else "the day, or the budget, has no more room"


def _send_probe(cause: str, waiting: _Waiting, ports: Ports, note: str) -> Released:
    for entry in waiting.due:
        if _publish([entry], ports, count=1):
            _keep_probe(cause, entry.work, ports)
            return Released(cause, len(waiting.due), 1, note)
    return Released(cause, len(waiting.due), 0, "none of them can be read")


def _last_probe(cause: str, ports: Ports) -> Probe | None:
    try:
        data = ports.store.read(ports.settings.work_bucket, f"{PROBES}{cause}", max_bytes=_MAX_PROBE_BYTES)
        said = json.loads(data)
        return Probe(str(said["work"]), str(said["at"]))
    except NotFoundError:
        return None
    except (PermanentError, ValueError, KeyError, TypeError) as error:
        logs.error("the mark of a probe cannot be read: another one is sent", cause=cause, reason=str(error))
        return None


def _keep_probe(cause: str, work: str, ports: Ports) -> None:
    bucket, name = ports.settings.work_bucket, f"{PROBES}{cause}"
    there = ports.store.stat(bucket, name)
    data = jsontext.dump_compact({"work": work, "at": ports.clock.now_iso()})
    with contextlib.suppress(ChangedError):  # another call has sent one just now: that serves as well
        ports.store.replace(
            bucket, name, data, generation=there.generation if there else 0, content_type="application/json"
        )


def _answered(probe: Probe, ports: Ports) -> bool:
    return ports.store.stat(ports.settings.work_bucket, f"{REPLIES}{probe.work}.json") is not None


def _publish(entries: Sequence[Entry], ports: Ports, *, count: int) -> int:
    """Publish the first `count` that are ours and still there; return how many that were. Others take no place."""
    done: list[Source] = []
    at = 0
    while len(done) < count and at < len(entries):
        names = [each.name for each in entries[at : at + min(_READ, count - len(done))]]
        done += _unpark_some(names, ports)
        at += len(names)
    note_released(done, ports)
    return len(done)


def _unpark_some(names: Sequence[str], ports: Ports) -> Sequence[Source]:
    parked = [each for each in concurrently([partial(_read, name, ports) for name in names]) if each is not None]
    for batch in envelopes.batches(parked, lambda each: each.message):
        ports.publisher.publish(ports.settings.image_topic, [each.message for each in batch])
        concurrently([partial(_forget, each, ports) for each in batch])
    return [each.source for each in parked]


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
    return _Parked(name, there.generation, envelopes.format_image_event(event), event.source)


def _why_foreign(name: str, event: ImageEvent, ports: Ports) -> str | None:
    until = name.removeprefix(PARKED).partition("/")[0]
    own_name = naming.paths(event.source, run=event.run, task=event.task).parked(until)
    return vouching.why_unvouched(event, ports) if name == own_name else f"its event belongs to {own_name}"


def _forget(parked: _Parked, ports: Ports) -> None:
    # Exactly what was published: an event that was parked again meanwhile has another generation.
    ports.store.delete(ports.settings.work_bucket, parked.name, generation=parked.generation)
