"""The lane of a backfill: a bounded number of image events is outstanding, and results tell when one is done.

A push subscription delivers as fast as it is answered, so nothing but this bound leaves threads free for live uploads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.core.events.envelopes import batches, format_image_event
from shared.core.naming import PARKED
from shared.core.planning.existing import committed
from shared.pipeline.upkeep.unpark import parked_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.planning.candidates import Work
    from shared.core.planning.existing import Committed
    from shared.core.ports import Message
    from shared.pipeline.backfill.survey import Missing
    from shared.pipeline.ports import Ports


@dataclass(frozen=True, slots=True)
class Done:
    """An image event that is outstanding no more. `result` names its document; without one it failed, or is gone."""

    work: Work
    chunk: int
    result: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Sent:
    """`message` is None where the event travels with another one of its tasks."""

    work: Work
    chunk: int
    message: Message | None


@dataclass(slots=True)
class Lane:
    """What was published and has neither result nor failure. `most` is how many events of each task that may be."""

    ports: Ports
    topic: str
    most: int
    _sent: dict[tuple[str, str], _Sent] = field(default_factory=dict)
    _tasks: Counter[str] = field(default_factory=Counter)

    @property
    def outstanding(self) -> int:
        """How many events are outstanding."""
        return len(self._sent)

    def has_room(self, work: Sequence[Work]) -> bool:
        """Whether all work of one object can be published now."""
        return all(self._tasks[each.paths.task] < self.most for each in work)

    def publish(self, objects: Sequence[tuple[int, Missing]]) -> None:
        """Publish the work of these objects, each with the number of its chunk.

        Raises:
            TransientError: not all of it was stored. What was is outstanding; the rest may be published again.
        """
        work = [sent for chunk, missing in objects for sent in _to_send(missing, chunk)]
        for batch in batches(work, lambda sent: sent.message):
            self.ports.publisher.publish(self.topic, [sent.message for sent in batch if sent.message is not None])
            for sent in batch:
                paths = sent.work.paths
                if (paths.folder, paths.task) not in self._sent:
                    self._tasks[paths.task] += 1
                self._sent[paths.folder, paths.task] = sent

    def settle(self) -> list[Done]:
        """Return what is outstanding no more, and forget it.

        Raises:
            TransientError: the store is away; nothing is forgotten.
        """
        settings = self.ports.settings

        def names(after: str, before: str) -> Iterator[str]:
            below = settings.results_prefix
            listed = self.ports.store.list_objects(settings.results_bucket, below, start_after=after, end_before=before)
            return (name for name, _ in listed)

        there = committed([sent.work.paths for sent in self._sent.values()], names)
        done = [each for key, sent in self._sent.items() if (each := _done(sent, there.get(key[0]))) is not None]
        self._forget(done)
        return done

    def drop_gone(self) -> list[Done]:
        """Return what is outstanding of uploads that are gone or overwritten, and forget it: no result may ever come.

        Whoever forgets uploads removes their results; so this is asked only where nothing moves any more.
        """
        gone = []
        for sent in self._sent.values():
            source = sent.work.event.source
            there = self.ports.store.stat(source.bucket, source.name)
            if there is None or there.generation != source.generation:
                gone.append(Done(sent.work, sent.chunk))
        self._forget(gone)
        return gone

    def held(self) -> Mapping[str, int]:
        """Return how many of the outstanding events are held, by the hour until which they are."""
        found = Counter[str]()
        bucket = self.ports.settings.work_bucket
        for place in parked_places(self.ports):
            listed = set(self.ports.store.list_names(bucket, f"{PARKED}{place.name}/"))
            held = sum(_parked(sent.work, place.name) in listed for sent in self._sent.values())
            if held:
                found[place.hour] += held
        return found

    def _forget(self, done: Sequence[Done]) -> None:
        for each in done:
            del self._sent[each.work.paths.folder, each.work.paths.task]
            self._tasks[each.work.paths.task] -= 1


def _to_send(missing: Missing, chunk: int) -> Iterator[_Sent]:
    """Yield the work of one object, with one message for all tasks that share an event."""
    asked = set[str]()
    for work in missing.work:
        leading = work.event.tasks[0]
        yield _Sent(work, chunk, None if leading in asked else format_image_event(work.event))
        asked.add(leading)


def _parked(work: Work, place: str) -> str:
    """Return where the event of a task is while it is held: at the name of the task that leads."""
    return replace(work.paths, task=work.event.tasks[0]).parked(place)


def _done(sent: _Sent, there: Committed | None) -> Done | None:
    task = sent.work.paths.task
    if there is None or (task not in there.results and task not in there.failures):
        return None
    return Done(sent.work, sent.chunk, there.results.get(task), failed=task not in there.results)
