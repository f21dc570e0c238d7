"""Messages that a fault holds back, and the counts of what became of deliveries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from infra.emulators.pubsub.backlog import Backlog, Tally
from infra.emulators.pubsub.delivery_policy import DeliveryPolicy
from infra.emulators.pubsub.models import Message

if TYPE_CHECKING:
    from infra.emulators.pubsub.backlog import Lease


class Bench:
    """A backlog with a clock that stands still until told; dead letters always find a topic."""

    def __init__(self, policy: DeliveryPolicy = DeliveryPolicy()) -> None:  # noqa: B008 - a frozen value
        self.now = 1000.0
        self.backlog = Backlog(policy, clock=lambda: self.now, dead_letter=lambda _: True)

    def put(self, number: int, *, key: str = "", delay_s: float = 0, behind: int = 0) -> None:
        message = Message(str(number), b"x", {}, key, number)
        self.backlog.put(message, delay_s=delay_s, behind=behind)

    def take(self) -> list[Lease]:
        return self.backlog.take(100, max_bytes=math.inf)

    def ids(self) -> list[int]:
        return [int(lease.message.id) for lease in self.take()]


def test_a_delayed_message_is_ready_after_its_delay() -> None:
    bench = Bench()
    bench.put(1, delay_s=5)
    assert (bench.backlog.ready(), bench.backlog.wait_s()) == (False, 5)
    bench.now += 5
    assert bench.ids() == [1]


def test_a_held_message_follows_those_that_passed_it() -> None:
    bench = Bench()
    bench.put(1, delay_s=60, behind=2)
    for number in (2, 3, 4):
        bench.put(number)
    assert bench.ids() == [2, 3, 1, 4]


def test_a_held_message_counts_as_unacknowledged() -> None:
    bench = Bench()
    bench.put(1, delay_s=60, behind=1)
    assert [message.id for message in bench.backlog.unacked()] == ["1"]


def test_the_order_of_a_key_is_kept_when_its_first_message_is_held() -> None:
    bench = Bench(DeliveryPolicy(ordered=True))
    bench.put(1, key="k", delay_s=5, behind=1)
    bench.put(2, key="k")
    assert bench.ids() == []
    bench.now += 5
    (first,) = bench.take()
    bench.backlog.ack(first.ack_id)
    assert (first.message.id, bench.ids()) == ("1", [2])


def test_a_seek_ends_the_waiting() -> None:
    bench = Bench()
    bench.put(1, delay_s=60, behind=1)
    bench.backlog.seek(bench.backlog.unacked())
    assert bench.ids() == [1]


def test_every_delivery_is_counted_once_by_how_it_ended() -> None:
    bench = Bench()
    for number in (1, 2, 3, 4):
        bench.put(number)
    acked, nacked, *_ = bench.take()
    bench.backlog.ack(acked.ack_id)
    bench.backlog.nack(nacked.ack_id)
    bench.now += 10
    bench.backlog.settle()
    assert bench.backlog.tally == Tally(delivered=4, acked=1, nacked=1, expired=2)


def test_an_ending_that_counts_no_more_is_not_counted() -> None:
    bench = Bench()
    bench.put(1)
    (lease,) = bench.take()
    bench.backlog.ack(lease.ack_id)
    bench.backlog.ack(lease.ack_id)
    bench.backlog.nack(lease.ack_id)
    assert bench.backlog.tally == Tally(delivered=1, acked=1)


def test_a_dead_letter_is_counted() -> None:
    bench = Bench(DeliveryPolicy(max_attempts=1))
    bench.put(1)
    bench.backlog.nack(bench.take()[0].ack_id)
    assert bench.backlog.tally == Tally(delivered=1, nacked=1, dead_lettered=1)


@pytest.mark.parametrize(("taken", "outstanding"), [(False, 0), (True, 1)])
def test_the_size_has_everything_that_is_owed(taken: bool, outstanding: int) -> None:
    bench = Bench(DeliveryPolicy(ordered=True))
    bench.put(1, key="k")
    bench.put(2, key="k")
    bench.put(3, delay_s=60)
    if taken:
        bench.take()
    assert (bench.backlog.size(), bench.backlog.outstanding()) == (3, outstanding)
