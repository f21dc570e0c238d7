"""What must hold after every run, however it went; I1 to I12 of the delivery protocol, as far as they are local."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from shared.core import naming
from shared.core.delivery import sharing
from shared.core.delivery.interpret import MAX_ASKS
from shared.core.delivery.retry import MAX_ATTEMPTS, RESERVE_S
from shared.core.planning import plan
from tests.explore.stage import LEASE_TTL_S, RETRY_AFTER_S, TIMEOUT_S
from tests.rig import RESULTS, WORK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.core.events.envelopes import ImageEvent
    from tests.explore.process import Process
    from tests.explore.stage import Step
    from tests.explore.world import World

REFUSED_BY_REFERENCE: Final = 3
"""How often an image that went by reference is refused for good: twice as it is, and once inside the request."""

_ENDS: Final = frozenset({"die-before", "die-after", "cancel"})
_PASSING: Final = frozenset({"503", "429", "412", "403"})
_KEEPING: Final = frozenset({("create", "reply"), ("read", "reply"), ("stat", "image")})
"""What lies between an answer and its place in the journal; the look at the image only where an address was sent."""


_BOOKS: Final = (naming.SPENDING, naming.RELEASES, naming.BATCH_RECORDS)
"""Of the whole deployment, and of no upload."""


def check(world: World, processes: Sequence[Process]) -> list[str]:
    """Return every broken invariant of a run that has become quiet (or never did)."""
    found = [*world.stage.violations, *world.ledger.violations, *world.ledger.changed(), *world.ledger.leaks()]
    found += world.ledger.overspent(world.ceiling)
    if world.stage.over:
        return found
    found += [f"nothing is lost: {name} is still held" for name in world.held()]
    found += [f"nothing is lost: {name} still waits" for name in world.unfinished_batches()]
    for event in events_of(processes).values():
        # Redrives are the same work: they share lease, journal and result.
        own = [process for process in processes if process.event.source.generation == event.source.generation]
        if world.batches:
            found += _paid_once_or_by_line(world, event, own)
        else:
            found += _paid_once(world, _at_work_on(world, event, processes))
        if event.source.generation in world.ledger.forgotten:
            continue
        redriven = any(process.event.redrive > event.redrive for process in own)
        for view in event.views():
            found += [*_one_end(world, view, own, redriven), *_told(world, view, redriven)]
        found += _counted_once(world, event)
    found += left_by_batches(world, events_of(processes).values())
    return [*found, *_refused_once(world.stage.trace, asks=REFUSED_BY_REFERENCE if world.by_reference else 1)]


def _at_work_on(world: World, event: ImageEvent, processes: Sequence[Process]) -> list[Process]:
    """Return all that may pay for the answer to an event; where answers are shared, for any upload of its content."""
    contents, generation = world.ledger.contents, event.source.generation
    alike = {each for each in contents if world.shares and contents[each] == contents[generation]} | {generation}
    return [process for process in processes if process.event.source.generation in alike]


def left_of(world: World, process: Process, processes: Sequence[Process]) -> list[str]:
    """Return what an acknowledged deletion has left of its upload; a delivery that comes later may leave its mark."""
    event = process.event
    if any(_outlived(each, each.ended_s or world.clock.time_s) for each in processes if each.event is event):
        return []  # it was taken for dead, and may go on
    folder = naming.paths(event.source, run=event.run, task=event.task).folder
    names = [
        name
        for part in (naming.REPLIES, naming.USES, naming.BATCH_LINES)
        for name in world.store.list_names(WORK, f"{part}{folder}/")
    ]
    return [f"forgotten: {name} is left" for name in [*names, *_copies(world, event)]]


def is_answered(world: World, events: Iterable[ImageEvent], contents: Mapping[int, bytes]) -> bool:
    """Whether an upload that is still there has an answer about the first content of all."""
    first = next(iter(contents.values()))
    alike = [event for event in events if contents[event.source.generation] == first]
    there = [event for event in alike if event.source.generation not in world.ledger.forgotten]
    return any(answered_files(world, event) for event in there)


def left_over(world: World, processes: Sequence[Process]) -> list[str]:
    """Return what is left when every upload is forgotten."""
    if any(_outlived(each, each.ended_s) for each in processes):
        return []  # it was taken for dead, and may have gone on behind the forgetting
    left = [*world.store.list_names(WORK, ""), *world.store.list_names(RESULTS, "")]
    return [f"forgotten: {name} is left in the end" for name in left if not name.startswith(_BOOKS)]


def _copies(world: World, event: ImageEvent) -> list[str]:
    """Return the copies that an upload has of shared answers."""
    paths = naming.paths(event.source, run=event.run, task=event.task)
    owners = {sharing.copy_name("", paths, ask=ask) for ask in range(MAX_ASKS)}
    names = world.store.list_names(WORK, naming.ANSWERS)
    return [name for name in names if naming.ANSWERS + "/" + name.split("/", 2)[2] in owners]


def events_of(processes: Iterable[Process]) -> dict[tuple[int, int], ImageEvent]:
    """Return every event once, by generation and redrive."""
    return {(process.event.source.generation, process.event.redrive): process.event for process in processes}


def unfinished(world: World, process: Process) -> list[str]:
    """Return what is missing at the moment of an acknowledgement: the document of a task, or its event."""
    return [problem for view in process.event.views() for problem in _unfinished(world, process, view)]


def _unfinished(world: World, process: Process, view: ImageEvent) -> list[str]:
    documents, generation = _documents(world, view), view.source.generation
    if generation in world.ledger.forgotten:
        return []
    if any(name in world.ledger.told for name in documents):
        return []
    waiting = (*world.held(), *world.store.list_names(WORK, naming.BATCH_LINES))
    if generation in world.ledger.released or any(f"/{generation}/" in name for name in waiting):
        return []  # it waits for another day, or has waited already: its release brings what is missing
    if not documents:
        return [f"acknowledged after commit: delivery {process.number} left no document"]
    return [f"acknowledged after commit: delivery {process.number} left no event"]


def kept_lease(world: World, process: Process) -> list[str]:
    """Return the lease of a delivery that just failed, if it still holds it although no step at it was broken."""
    paths = naming.paths(process.event.source, run=process.event.run, task=process.event.task)
    lease = world.store.stat(WORK, paths.lease)
    broken = any(step.target == "lease" and step.fault and step.process is process for step in world.stage.trace)
    own = lease is not None and lease.metadata.get("uplook-attempt") == process.attempt
    if broken or lease is None or not own:
        return []
    if lease.metadata.get("uplook-state") != "held":
        told = lease.metadata.get("uplook-reason") or process.buries
        return [] if told else [f"lease: delivery {process.number} ended ({process.ending}) and left no reason"]
    return [f"lease: delivery {process.number} ended ({process.ending}) and still holds it"]


def kept_claim(world: World, process: Process) -> list[str]:
    """Return the lease on a content that a delivery has left behind, although no step at it was broken."""
    if any(step.target == "claim" and step.fault and step.process is process for step in world.stage.trace):
        return []
    names = world.store.list_names(WORK, "leases/_answers/") if process.attempt else []
    there = [stat for name in names if (stat := world.store.stat(WORK, name)) is not None]
    kept = [stat for stat in there if stat.metadata["uplook-attempt"] == process.attempt]
    held = any(stat.metadata["uplook-state"] == "held" for stat in kept)
    return [f"claim: delivery {process.number} ended ({process.ending}) and still holds it"] if held else []


def answered_files(world: World, event: ImageEvent) -> dict[str, bytes]:
    """Return the documents and the files of an answered event; nothing where no replay can repeat all of it."""
    found = [_answered_files(world, view) for view in event.views()]
    return {name: data for files in found for name, data in files.items()} if all(found) else {}


def _answered_files(world: World, event: ImageEvent) -> dict[str, bytes]:
    for name, document in _documents(world, event).items():
        # An overlay needs the picture: it may be drawn at one attempt, and its source be gone at the next.
        if document["usage"] is not None and not any("no overlay" in text for text in document["warnings"]):
            names = (name, *(file["name"] for file in document["files"]))
            return {name: world.ledger.writes[name] for name in names}
    return {}


def _documents(world: World, event: ImageEvent) -> dict[str, dict[str, Any]]:
    paths = naming.paths(event.source, run=event.run, task=event.task)
    names = (paths.result, paths.error(event.redrive))
    return {name: json.loads(world.ledger.writes[name]) for name in names if name in world.ledger.writes}


def _one_end(world: World, event: ImageEvent, processes: Sequence[Process], redriven: bool) -> list[str]:
    documents = _documents(world, event)
    # A holder taken for dead can still leave its own error beside the result; readers take the result.
    outlived = any(_outlived(process, process.ended_s) for process in processes)
    allowed = 2 if outlived or redriven else 1
    if not 1 <= len(documents) <= allowed:
        return [f"nothing is lost: expected one document, found {sorted(documents)}"]
    found = []
    for name, document in documents.items():
        found += [f"no half results: {name}: {problem}" for problem in world.ledger.missing(document)]
        source = document["source"]
        if (source["generation"], source["crc32c"]) != (str(event.source.generation), event.source.crc32c):
            found.append(f"right bytes: {name} names another generation")
    return found


def _told(world: World, event: ImageEvent, redriven: bool) -> list[str]:
    found, documents = [], _documents(world, event)
    for name in documents:
        messages = world.ledger.told.get(name, [])
        if redriven and ".error-" in name and len(documents) > 1 and not messages:
            continue  # its redrive was faster than its own redelivery, which then told the result instead
        ids = {json.loads(message.data)["id"] for message in messages}
        if ids != {plan.idempotency_key(event)}:
            found.append(f"event after commit: expected events of one id for {name}, found {len(ids)} ids")
        if len({message.data for message in messages}) > 1:
            found.append(f"event after commit: {name} was told in different words")
    return found


def _paid_once(world: World, processes: Sequence[Process]) -> list[str]:
    own = set(processes)
    paid_for = [each for process, each in zip(world.ledger.paid, world.ledger.paid_for, strict=True) if process in own]
    # A caption that is asked for a second time alone, because the first answer lacked it, is paid for twice.
    whole = {name: 2 if (world.scenario, name) == ("parts", "caption") else 1 for each in paid_for for name in each}
    steps = [step for step in world.stage.trace if step.process in own]
    excused = sum(map(_lost_answer, steps)) + sum(_excused(process, steps) for process in own)
    # An upload that is forgotten takes its copy of the answer with it; whoever had none yet has to ask again.
    excused += world.shares and len(world.ledger.forgotten & {process.event.source.generation for process in own})
    return [
        f"pay once: {paid} payments for {name}, of which {asks + excused} can be explained"
        for name, asks in whole.items()
        if (paid := sum(name in each for each in paid_for)) > asks + excused
    ]


def _paid_once_or_by_line(world: World, event: ImageEvent, own: Sequence[Process]) -> list[str]:
    """Return payments for an upload beyond the one that there should be: by a call, or by a line of a batch job."""
    generation, mine = event.source.generation, set(own)
    steps = [step for step in world.stage.trace if step.process in mine]
    calls = sum(process in mine for process in world.ledger.paid)
    paid = calls + world.ledger.lines_paid[generation]
    excused = sum(map(_lost_answer, steps)) + sum(_excused(process, steps) for process in own)
    excused += sum(_orphaned(step, world.stage.trace) for step in world.stage.trace)
    return [f"pay once: {paid} payments, of which {1 + excused} can be explained"] if paid > 1 + excused else []


def _orphaned(step: Step, trace: Sequence[Step]) -> bool:
    """Whether a process that made a job much too late was broken once more, before it could cancel it."""
    later = (each for each in trace if each.process is step.process and each.number > step.number)
    return step.fault == "oversleep" and any(each.fault for each in later)


def left_by_batches(world: World, events: Iterable[ImageEvent]) -> list[str]:
    """Return lines of asks that are done: nobody would ever remove them."""
    found = []
    for event in events:
        paths = naming.paths(event.source, run=event.run, task=event.task)
        if paths.result in world.ledger.writes and world.store.stat(WORK, paths.batch_line) is not None:
            found.append(f"line: {paths.batch_line} is left beside its result")
    return found


def _counted_once(world: World, event: ImageEvent) -> list[str]:
    """Return where the documents of an event do not have exactly the tokens of the answers that are in the journal."""
    best = [next(iter(documents.values())) for view in event.views() if (documents := _documents(world, view))]
    if any(document["usage"] is None for document in best) or len(best) < len(event.tasks):
        return []
    folder = naming.paths(event.source, run=event.run, task=event.task).folder
    kept = world.store.list_names(WORK, f"{naming.REPLIES}{folder}/")
    entries = [json.loads(world.store.read(WORK, name, max_bytes=10**7)) for name in kept]
    own = {plan.idempotency_key(view) for view in event.views()} | {None}
    bodies = [entry["response"] for entry in entries if entry.get("paid_by") in own]
    journalled = sum(body["usageMetadata"]["totalTokenCount"] for body in bodies)
    told = sum(document["usage"]["total_tokens"] for document in best)
    return [] if told == journalled else [f"counted once: {told} tokens in documents, {journalled} in the journal"]


def _lost_answer(step: Step) -> bool:
    """Whether an answer was lost at this step, between the model and the journal, with nobody to blame."""
    if step.operation == "generate":
        return step.fault in {"die-after", "lost"}
    process = step.process
    unkept = process.paid_s is not None and process.paid_s < step.at_s and process.journalled_s is None
    return unkept and (step.operation, step.target) in _KEEPING and step.fault in _ENDS


def _excused(process: Process, steps: Iterable[Step]) -> int:
    """How many payments this process may have lost by lasting too long, or by a journal that cannot be written."""
    refused = [
        step
        for step in steps
        if step.process is process
        and step.at_s > (process.paid_s or step.at_s)
        and (step.operation, step.target) in {("create", "reply"), ("stat", "image")}
        and step.fault in _PASSING
    ]
    accused = sum(1 for step in refused if step.fault == "403") > 1  # a second 403 is believed
    late_s = process.started_s + TIMEOUT_S - RESERVE_S - RETRY_AFTER_S
    given_up = len(refused) >= MAX_ATTEMPTS or accused or (refused and (process.ended_s or late_s) > late_s)
    return int(bool(given_up)) + int(_outlived(process, process.journalled_s or process.ended_s))


def _outlived(process: Process, until_s: float | None) -> bool:
    """Whether others could take this process for dead."""
    return None not in {process.held_s, until_s} and (until_s or 0) - (process.held_s or 0) > LEASE_TTL_S


def _refused_once(trace: Sequence[Step], *, asks: int) -> list[str]:
    """Return retries of what a model has refused for good; what went by reference is heard several times."""
    refusals = Counter(step.process for step in trace if step.fault == "refuse")
    return [
        f"terminates: delivery {process.number} was refused {times} times, and asked again"
        for process, times in refusals.items()
        if times > asks or (times == asks == 1 and _asked_behind(process, trace))
    ]


def _asked_behind(process: Process, trace: Sequence[Step]) -> bool:
    asked = [step for step in trace if step.process is process and step.operation == "generate"]
    return bool(asked) and asked[-1].fault != "refuse"
