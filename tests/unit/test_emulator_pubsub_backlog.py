from __future__ import annotations

import math
from dataclasses import replace

from infra.emulators.pubsub.backlog import Backlog, Lease
from infra.emulators.pubsub.delivery_policy import Backoff, DeliveryPolicy
from infra.emulators.pubsub.models import Message


class Bench:
    """A backlog with a clock that stands still until told, and a graveyard."""

    def __init__(self, policy: DeliveryPolicy, *, dead_topic: bool = True) -> None:
        self.now = 1000.0
        self.buried: list[tuple[str, int]] = []
        self._dead_topic = dead_topic
        self.backlog = Backlog(policy, clock=lambda: self.now, dead_letter=self._dead_letter)

    def _dead_letter(self, lease: Lease) -> bool:
        if self._dead_topic:
            self.buried.append((lease.message.id, lease.attempt))
        return self._dead_topic

    def put(self, *ids: int, key: str = "", size: int = 1) -> None:
        for each in ids:
            self.backlog.put(Message(str(each), b"x" * size, {}, key, each))

    def take(self, limit: int = 100, *, max_bytes: float = math.inf, deadline_s: float | None = None) -> list[Lease]:
        return self.backlog.take(limit, max_bytes=max_bytes, deadline_s=deadline_s)

    def ids(self, limit: int = 100) -> list[int]:
        return [int(lease.message.id) for lease in self.take(limit)]


def test_messages_are_taken_oldest_first_and_once() -> None:
    bench = Bench(DeliveryPolicy())
    bench.put(1, 2, 3)
    assert bench.ids(2) == [1, 2]
    assert bench.ids() == [3]
    assert bench.ids() == []


def test_an_acknowledged_message_never_comes_back() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=10))
    bench.put(1)
    (lease,) = bench.take()
    assert bench.backlog.ack(lease.ack_id)
    bench.now += 1e6
    assert bench.ids() == []
    assert bench.backlog.wait_s() is None


def test_an_expired_lease_is_delivered_again_with_the_next_attempt_and_another_ack_id() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=10))
    bench.put(1)
    (first,) = bench.take()
    bench.now += 9.9
    assert bench.take() == []
    bench.now += 0.1
    (second,) = bench.take()
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.ack_id != second.ack_id
    assert not bench.backlog.ack(first.ack_id)
    assert bench.backlog.ack(second.ack_id)


def test_an_extended_lease_expires_at_its_new_deadline() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=10))
    bench.put(1)
    (lease,) = bench.take()
    bench.now += 5
    assert bench.backlog.extend(lease.ack_id, 30)
    assert bench.backlog.wait_s() == 30
    bench.now += 29
    assert bench.backlog.holds(lease.ack_id)
    bench.now += 1
    assert not bench.backlog.extend(lease.ack_id, 30)
    assert bench.ids() == [1]


def test_a_lease_can_be_shortened() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=600))
    bench.put(1)
    (lease,) = bench.take()
    bench.backlog.extend(lease.ack_id, 10)
    bench.now += 10
    assert bench.ids() == [1]


def test_a_refused_message_waits_out_its_backoff() -> None:
    bench = Bench(DeliveryPolicy(backoff=Backoff(10, 600)))
    bench.put(1)
    assert bench.backlog.nack(bench.take()[0].ack_id) == 10
    assert bench.backlog.wait_s() == 10
    bench.now += 9.9
    assert bench.ids() == []
    bench.now += 0.1
    assert bench.backlog.nack(bench.take()[0].ack_id) == 20


def test_a_waiting_message_does_not_hold_up_the_others() -> None:
    bench = Bench(DeliveryPolicy(backoff=Backoff(10, 600)))
    bench.put(1, 2)
    bench.backlog.nack(bench.take(1)[0].ack_id)
    assert bench.ids() == [2]


def test_a_message_is_dead_after_exactly_its_last_attempt() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5))
    bench.put(1)
    fates = [bench.backlog.nack(bench.take()[0].ack_id) for _ in range(5)]
    assert fates == [0, 0, 0, 0, None]
    assert bench.buried == [("1", 5)]
    assert bench.ids() == []


def test_an_expired_lease_counts_as_an_attempt() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=10, max_attempts=5))
    bench.put(1)
    for _ in range(5):
        bench.take()
        bench.now += 10
    assert bench.take() == []
    assert bench.buried == [("1", 5)]


def test_a_message_that_cannot_be_buried_is_delivered_again() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5), dead_topic=False)
    bench.put(1)
    attempts = []
    for _ in range(7):
        (lease,) = bench.take()
        attempts.append(lease.attempt)
        bench.backlog.nack(lease.ack_id)
    assert attempts == [1, 2, 3, 4, 5, 6, 7]


def test_messages_of_one_key_come_one_after_another() -> None:
    bench = Bench(DeliveryPolicy(ordered=True))
    bench.put(1, 2, 3, key="a")
    bench.put(4, key="b")
    bench.put(5)
    first = bench.take()
    assert [lease.message.id for lease in first] == ["1", "4", "5"]
    bench.backlog.ack(first[0].ack_id)
    assert bench.ids() == [2]


def test_a_refused_head_blocks_its_key_until_it_is_acknowledged() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, backoff=Backoff(10, 10)))
    bench.put(1, 2, key="a")
    bench.backlog.nack(bench.take()[0].ack_id)
    assert bench.ids() == []
    bench.now += 10
    (head,) = bench.take()
    assert head.message.id == "1"
    bench.backlog.ack(head.ack_id)
    assert bench.ids() == [2]


def test_a_buried_head_frees_its_key() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, max_attempts=5))
    bench.put(1, 2, key="a")
    for _ in range(5):
        bench.backlog.nack(bench.take()[0].ack_id)
    assert bench.ids() == [2]


def test_keys_mean_nothing_without_ordering() -> None:
    bench = Bench(DeliveryPolicy())
    bench.put(1, 2, key="a")
    assert bench.ids() == [1, 2]


def test_a_batch_stays_within_its_bytes_but_has_one_message_at_least() -> None:
    bench = Bench(DeliveryPolicy())
    bench.put(1, 2, 3, size=1000)
    assert len(bench.take(max_bytes=2 * 1256)) == 2
    assert len(bench.take(max_bytes=1)) == 1


def test_a_holder_is_charged_until_the_lease_ends() -> None:
    bench = Bench(DeliveryPolicy(ack_deadline_s=10))
    bench.put(1, 2)
    holder = object()
    leases = bench.backlog.take(2, max_bytes=math.inf, holder=holder)
    assert bench.backlog.held_by(holder) == (2, 2 * 257)
    bench.backlog.ack(leases[0].ack_id)
    assert bench.backlog.held_by(holder) == (1, 257)
    bench.now += 10
    bench.backlog.settle()
    assert bench.backlog.held_by(holder) == (0, 0)


def test_a_lease_without_end_never_expires() -> None:
    bench = Bench(DeliveryPolicy())
    bench.put(1)
    bench.take(deadline_s=math.inf)
    assert bench.backlog.wait_s() is None


def test_seeking_back_brings_retained_messages_again_from_the_first_attempt() -> None:
    bench = Bench(DeliveryPolicy(retain_acked=True))
    bench.put(1, 2, 3)
    leases = bench.take(2)
    bench.backlog.ack(leases[0].ack_id)
    bench.backlog.seek(message for message in bench.backlog.known() if message.published_us >= 1)
    assert [(lease.message.id, lease.attempt) for lease in bench.take()] == [("1", 1), ("2", 1), ("3", 1)]
    assert not bench.backlog.ack(leases[1].ack_id)


def test_seeking_forward_acknowledges_and_retains() -> None:
    bench = Bench(DeliveryPolicy(retain_acked=True))
    bench.put(1, 2)
    bench.backlog.seek([])
    assert bench.ids() == []
    assert [message.id for message in bench.backlog.known()] == ["1", "2"]


def test_acknowledged_messages_are_forgotten_unless_retained() -> None:
    bench = Bench(DeliveryPolicy())
    bench.put(1)
    bench.backlog.ack(bench.take()[0].ack_id)
    assert bench.backlog.known() == []


def test_unacknowledged_are_the_waiting_the_delayed_the_leased_and_the_chained() -> None:
    bench = Bench(DeliveryPolicy(ordered=True, backoff=Backoff(10, 10)))
    bench.put(1, 2)
    bench.put(3, 4, key="a")
    leases = bench.take(1)
    bench.backlog.nack(leases[0].ack_id)
    bench.take(1)
    assert [message.id for message in bench.backlog.unacked()] == ["1", "2", "3", "4"]


def test_new_rules_apply_to_what_is_under_way() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=5))
    bench.put(1)
    (lease,) = bench.take()
    bench.backlog.policy = replace(bench.backlog.policy, max_attempts=None, backoff=Backoff(7, 7))
    assert bench.backlog.nack(lease.ack_id) == 7
