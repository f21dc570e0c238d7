"""The messages of one subscription: waiting, delayed, leased, chained behind their ordering key.

No I/O and no clock of its own; whoever owns it calls `settle` when `wait_s` has passed.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .delay_queue import DelayQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .delivery_policy import DeliveryPolicy
    from .models import Message


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """One delivery under way; `deadline` is on the backlog's clock, `attempt` counts from 1."""

    ack_id: str
    message: Message
    attempt: int
    deadline: float
    holder: object | None


@dataclass(slots=True)
class Tally:
    """How often what has happened to the deliveries of one subscription; an expired one is not counted as nacked."""

    delivered: int = 0
    acked: int = 0
    nacked: int = 0
    expired: int = 0
    dead_lettered: int = 0


class Backlog:
    """What one subscription still has to deliver.

    `dead_letter` is asked to dead-letter a message whose attempts are spent; if it answers False (there is nowhere
    to put it), the message is delivered again.
    """

    def __init__(
        self, policy: DeliveryPolicy, *, clock: Callable[[], float], dead_letter: Callable[[Lease], bool]
    ) -> None:
        self.policy = policy
        self.tally = Tally()
        self._clock = clock
        self._dead_letter = dead_letter
        self._serial = itertools.count(1)
        self._ready: deque[tuple[Message, int]] = deque()
        self._delayed = DelayQueue()
        self._leases: dict[str, Lease] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._chains: dict[str, deque[Message]] = {}
        self._acked: dict[str, Message] = {}
        self._held: Counter[object] = Counter()
        self._held_bytes: Counter[object] = Counter()

    def put(self, message: Message, *, delay_s: float = 0, behind: int = 0) -> None:
        """Add a new message; with ordering, it waits for its predecessor's acknowledgement.

        It becomes ready after `delay_s`, or sooner: once `behind` (above 0) messages put later are ready.
        """
        key = message.ordering_key
        if self.policy.ordered and key:
            if key in self._chains:
                self._chains[key].append(message)
                return
            self._chains[key] = deque()
        if delay_s:
            self._delayed.add(message, 0, due=self._clock() + delay_s, behind=behind)
        else:
            self._ready.append((message, 0))
            self._ready.extend(self._delayed.overtake())

    def take(
        self, limit: int, *, max_bytes: float, holder: object | None = None, deadline_s: float | None = None
    ) -> list[Lease]:
        """Lease up to `limit` messages, oldest first, of `max_bytes` together (but always one)."""
        self.settle()
        taken: list[Lease] = []
        room = max_bytes
        while self._ready and len(taken) < limit:
            message, attempts = self._ready[0]
            room -= message.size
            if taken and room < 0:
                break
            self._ready.popleft()
            ends = self._clock() + (self.policy.ack_deadline_s if deadline_s is None else deadline_s)
            taken.append(self._lease(Lease(f"{message.id}:{next(self._serial)}", message, attempts + 1, ends, holder)))
        return taken

    def ack(self, ack_id: str) -> bool:
        """End a delivery well; False if the id is unknown, or expired."""
        self.settle()
        lease = self._drop(ack_id)
        if lease is None:
            return False
        if self.policy.retain_acked:
            self._acked[lease.message.id] = lease.message
        self._unchain(lease.message)
        self.tally.acked += 1
        return True

    def extend(self, ack_id: str, seconds: float) -> bool:
        """Move the deadline of a delivery to `seconds` from now; False as for `ack`."""
        self.settle()
        lease = self._leases.get(ack_id)
        if lease is None:
            return False
        moved = replace(lease, deadline=self._clock() + seconds)
        self._leases[ack_id] = moved
        heapq.heappush(self._deadlines, (moved.deadline, ack_id))
        return True

    def nack(self, ack_id: str) -> float | None:
        """End a delivery badly; return the seconds until the next one, None if there is none to come."""
        lease = self._drop(ack_id)
        if lease is None:
            return None
        self.tally.nacked += 1
        return self._retry(lease)

    def holds(self, ack_id: str) -> bool:
        """Whether this delivery still counts."""
        self.settle()
        return ack_id in self._leases

    def settle(self) -> None:
        """Do what time has made due: expire leases, release delayed messages."""
        now = self._clock()
        while self._next_deadline() <= now:
            self._expire(heapq.heappop(self._deadlines)[1])
        self._ready.extend(self._delayed.release(now))

    def wait_s(self) -> float | None:
        """Return the seconds until `settle` has something to do, None if nothing is scheduled."""
        due = min(self._next_deadline(), self._delayed.next_due())
        return None if due == math.inf else max(0.0, due - self._clock())

    def ready(self) -> bool:
        """Whether `take` would find a message."""
        self.settle()
        return bool(self._ready)

    def outstanding(self) -> int:
        """Return how many deliveries are under way."""
        return len(self._leases)

    def size(self) -> int:
        """Return how many deliveries are still owed, those under way included."""
        chained = sum(map(len, self._chains.values()))
        return len(self._ready) + len(self._delayed) + len(self._leases) + chained

    def held_by(self, holder: object) -> tuple[int, int]:
        """Return how many messages and bytes one holder has leased."""
        return self._held[holder], self._held_bytes[holder]

    def unacked(self) -> list[Message]:
        """Return every message not yet acknowledged, oldest first."""
        waiting = [*(message for message, _ in self._ready), *self._delayed.messages()]
        leased = [lease.message for lease in self._leases.values()]
        chained = itertools.chain.from_iterable(self._chains.values())
        return sorted([*waiting, *leased, *chained], key=_age)

    def known(self) -> list[Message]:
        """Return the unacknowledged messages and the acknowledged ones that were retained."""
        return sorted([*self.unacked(), *self._acked.values()], key=_age)

    def seek(self, unacked: Iterable[Message]) -> None:
        """Make exactly these messages unacknowledged, with no attempt counted; every lease is void."""
        wanted = {message.id: message for message in unacked}
        others = {message.id: message for message in self.known() if message.id not in wanted}
        self._acked = others if self.policy.retain_acked else {}
        for state in (self._ready, self._delayed, self._leases, self._deadlines, self._chains):
            state.clear()
        self._held.clear()
        self._held_bytes.clear()
        for message in sorted(wanted.values(), key=_age):
            self.put(message)

    def _lease(self, lease: Lease) -> Lease:
        self._leases[lease.ack_id] = lease
        if lease.deadline < math.inf:
            heapq.heappush(self._deadlines, (lease.deadline, lease.ack_id))
        self._held[lease.holder] += 1
        self._held_bytes[lease.holder] += lease.message.size
        self.tally.delivered += 1
        return lease

    def _retry(self, lease: Lease) -> float | None:
        spent = self.policy.max_attempts is not None and lease.attempt >= self.policy.max_attempts
        if spent and self._dead_letter(lease):
            self.tally.dead_lettered += 1
            self._unchain(lease.message)
            return None
        delay_s = self.policy.backoff.delay_s(lease.attempt)
        self._delayed.add(lease.message, lease.attempt, due=self._clock() + delay_s)
        return delay_s

    def _drop(self, ack_id: str) -> Lease | None:
        lease = self._leases.pop(ack_id, None)
        if lease is not None:
            self._held[lease.holder] -= 1
            self._held_bytes[lease.holder] -= lease.message.size
            if not self._held[lease.holder]:
                del self._held[lease.holder], self._held_bytes[lease.holder]
        return lease

    def _unchain(self, message: Message) -> None:
        chain = self._chains.get(message.ordering_key)
        if chain:
            self._ready.append((chain.popleft(), 0))
        elif chain is not None:
            del self._chains[message.ordering_key]

    def _expire(self, ack_id: str) -> None:
        lease = self._drop(ack_id)
        if lease is not None:
            self.tally.expired += 1
            self._retry(lease)

    def _next_deadline(self) -> float:
        # An extended or finished lease leaves its old entry in the heap: such entries mean nothing.
        while self._deadlines:
            deadline, ack_id = self._deadlines[0]
            lease = self._leases.get(ack_id)
            if lease is not None and lease.deadline == deadline:
                return deadline
            heapq.heappop(self._deadlines)
        return math.inf


def _age(message: Message) -> int:
    return int(message.id)
