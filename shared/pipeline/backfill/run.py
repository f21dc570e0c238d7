"""One backfill: what is missing is published as there is room, until all of it is settled.

Objects are taken chunk by chunk, in their order. The mark says behind which object all is settled, so whoever goes on
after a death looks again at the chunks that were open: what has its result by then is skipped, and what
was on its way is published once more. Such a duplicate costs no call, as the delivery protocol has it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from shared import logs
from shared.core.errors import ConfigurationError, TransientError
from shared.core.planning.marks import Counts, Mark
from shared.core.planning.pacing import next_pause_s
from shared.pipeline.backfill.sampling import read_results
from shared.pipeline.backfill.survey import added, chunks, is_spent, within_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shared.core.planning.candidates import Selection
    from shared.core.planning.marks import Position
    from shared.core.planning.pacing import RateLimit
    from shared.pipeline.backfill.lane import Done, Lane
    from shared.pipeline.backfill.marking import MarkBook
    from shared.pipeline.backfill.objects import ObjectSequence
    from shared.pipeline.backfill.survey import Chunk, Missing

_OPEN_CHUNKS = 100
"""Chunks that may be unsettled at once: one event that is held, or tried again for hours, must not stop the others."""

_TRIES, _FIRST_WAIT_S = 5, 5.0
_KEEP_EACH_S = 2.0
STILL_S = 30.0
"""How long nothing moves before what is outstanding is looked at more closely, one by one."""

_ALL_READ, _THEN_EACH = 40, 10

_T = TypeVar("_T")


@dataclass(slots=True)
class SpentSoFar:
    """What the results of this backfill have cost: the first are all read, then each tenth, and the rest reckoned."""

    done: dict[str, int] = field(default_factory=dict)
    read: dict[str, list[float]] = field(default_factory=dict)

    def sample(self, done: Sequence[Done]) -> list[str]:
        """Count results, and return the names of those to read."""
        chosen = []
        for each in done:
            task = each.work.paths.task
            if each.result is not None:
                count = self.done[task] = self.done.get(task, 0) + 1
                if count <= _ALL_READ or count % _THEN_EACH == 0:
                    chosen.append(each.result)
        return chosen

    def add(self, documents: Sequence[Mapping[str, object]]) -> None:
        """Take what was read."""
        for document in documents:
            usage = document.get("usage")
            usd = usage.get("cost_usd") if isinstance(usage, dict) else None
            self.read.setdefault(str(document.get("task")), []).append(float(usd or 0.0))

    @property
    def usd(self) -> float:
        """US dollars at list price, about."""
        return sum(self.done.get(task, 0) * sum(read) / len(read) for task, read in self.read.items())


@dataclass(frozen=True, slots=True)
class BackfillState:
    """Where a backfill is: all that was counted, also before it was stopped and went on; and what is outstanding."""

    counts: Counts
    left_out: Mapping[str, int]
    outstanding: int
    usd: float
    held: Mapping[str, int] = field(default_factory=dict)
    still_s: float = 0.0


@dataclass(slots=True)
class _Open:
    """A chunk up to `last` that is not settled. `left` counts its events that are not published, or outstanding."""

    last: Position
    left_out: Mapping[str, int]
    counts: Counts
    left: int


class Backfill:
    """One run of it, from a mark to the end."""

    def __init__(
        self,
        objects: ObjectSequence,
        selection: Selection,
        lane: Lane,
        book: MarkBook,
        *,
        begin: Mark,
        rate: RateLimit,
        still_s: float = STILL_S,
    ) -> None:
        self._objects = objects
        self._selection = selection
        self._lane = lane
        self._book = book
        self._ports = lane.ports
        self._clock = lane.ports.clock
        self._rate = rate
        self._still_s = still_s
        self._mark = begin
        self._limit_left = begin.limit_left
        self._at = begin.after
        self._open: dict[int, _Open] = {}
        self._queue: deque[tuple[int, Missing]] = deque()
        self._spent = SpentSoFar()
        self._held: Mapping[str, int] = {}
        self._kept: Mark | None = None
        self._moved_s = self._looked_s = self._kept_s = self._clock.monotonic_s()

    @property
    def state(self) -> BackfillState:
        """Return where it is."""
        counts, left_out = self._mark.counts, dict(self._mark.left_out)
        for each in self._open.values():
            counts, left_out = counts.plus(each.counts), added(left_out, each.left_out)
        still_s = self._clock.monotonic_s() - self._moved_s if self._lane.outstanding else 0.0
        return BackfillState(counts, left_out, self._lane.outstanding, self._spent.usd, self._held, still_s)

    def run(self) -> Iterator[BackfillState]:
        """Do all of it; yield the state each time something may have changed.

        Raises:
            TransientError: a service is away for minutes; another run goes on from the mark.
            SettingsError: another process runs the same backfill.
        """
        surveyed, number, ended = self._surveyed(), 0, False
        pause_s: float | None = None
        while not ended or self._open:
            while not ended and not self._queue and len(self._open) < _OPEN_CHUNKS:
                spent = is_spent(self._limit_left, chosen=self._mark.chosen, at=self._at)
                chunk = None if spent else next(surveyed, None)
                ended = chunk is None
                if chunk is not None:
                    number += 1
                    self._begin(number, chunk)
                    self._close()
                    yield self.state
            published, moved = self._publish(), self._settle()
            self._close()
            yield self.state
            if self._open:
                pause_s = next_pause_s(pause_s, moved=published or moved)
                self._clock.sleep(pause_s)
        self._keep(replace(self._mark, finished=self._clock.now_iso()))

    def _surveyed(self) -> Iterator[Chunk]:
        after, tries = self._mark.after, 0
        while True:
            try:
                for chunk in chunks(self._objects, self._selection, self._ports, after=after):
                    after, tries = chunk.last, 0
                    yield chunk
            except TransientError as error:
                tries += 1
                self._wait(error, tries)
            else:
                return

    def _begin(self, number: int, chunk: Chunk) -> None:
        """Queue the work of a chunk, as far as the limit has room; what is chosen is written down before."""
        chosen = within_limit(chunk.missing, self._limit_left, self._mark.chosen)
        self._limit_left, self._at = chosen.limit_left, chunk.last
        if chosen.limit_left is not None and chosen.new:
            position = chosen.missing[-1].position
            self._keep(replace(self._mark, chosen=position, limit_left=chosen.limit_left))
        last = chunk.last if len(chosen.missing) == len(chunk.missing) else self._mark.chosen or chunk.last
        self._open[number] = _Open(last, chunk.left_out, chunk.counts, sum(len(each.work) for each in chosen.missing))
        self._queue.extend((number, each) for each in chosen.missing)

    def _publish(self) -> bool:
        """Publish what has room; return whether anything was."""
        published = 0
        while self._queue and self._lane.has_room(self._queue[0][1].work):
            if self._rate.wait_s(self._clock.monotonic_s()) > 0:
                break
            number, missing = self._queue[0]
            self._again(lambda: self._lane.publish([self._queue[0]]))
            self._queue.popleft()
            self._rate.take(len(missing.work), self._clock.monotonic_s())
            self._count(number, published=len(missing.work))
            published += len(missing.work)
        return published > 0

    def _settle(self) -> bool:
        """Take off the lane what is done; return whether anything was."""
        done = self._again(self._lane.settle) if self._lane.outstanding else []
        now_s = self._clock.monotonic_s()
        if done or not self._lane.outstanding:
            self._moved_s, self._held = now_s, {}
        elif now_s - max(self._moved_s, self._looked_s) > self._still_s:
            self._looked_s, self._held = now_s, self._again(self._lane.held)
            done = self._again(self._lane.drop_gone)
        for each in done:
            ended = {"done": 1} if each.result else {"failed": 1} if each.failed else {"gone": 1}
            self._count(each.chunk, **ended)
            self._open[each.chunk].left -= 1
        names = self._spent.sample(done)
        self._spent.add(self._again(lambda: read_results(names, self._ports)))
        return bool(done)

    def _count(self, number: int, **more: int) -> None:
        opened = self._open[number]
        opened.counts = opened.counts.plus(Counts(**more))

    def _close(self) -> None:
        """Move the mark behind the chunks that are settled: the first ones in their order."""
        for number, opened in list(self._open.items()):
            if opened.left:
                break
            del self._open[number]
            counts, left_out = self._mark.counts.plus(opened.counts), added(self._mark.left_out, opened.left_out)
            self._mark = replace(self._mark, after=opened.last, counts=counts, left_out=left_out)
        if self._clock.monotonic_s() - self._kept_s >= _KEEP_EACH_S:
            self._keep(self._mark)

    def _keep(self, mark: Mark) -> None:
        if mark != self._kept:
            self._again(lambda: self._book.write(mark))
        self._mark, self._kept, self._kept_s = mark, mark, self._clock.monotonic_s()

    def _again(self, call: Callable[[], _T]) -> _T:
        """Do what may fail for a moment, for some minutes."""
        tries = 0
        while True:
            try:
                return call()
            except TransientError as error:
                tries += 1
                self._wait(error, tries)

    def _wait(self, error: TransientError, tries: int) -> None:
        """Wait before another try, or give up: a role that is missing stays so, and there is a mark to go on from."""
        if tries >= _TRIES or isinstance(error, ConfigurationError):
            raise error
        wait_s = _FIRST_WAIT_S * 2 ** (tries - 1)
        logs.warning("a call failed and is tried again", reason=str(error), wait_s=wait_s)
        self._clock.sleep(wait_s)
