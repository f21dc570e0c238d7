"""By arithmetic from the Terraform: waiting for a live lease never uses up an event's delivery attempts.

Pub/Sub waits at least the minimum backoff before a redelivery, and doubles it up to the maximum
(https://cloud.google.com/pubsub/docs/handling-failures#exponential_backoff).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest

from infra.local import topology
from shared.core.delivery.waiting import LEASE_WAIT_S, PARK_AFTER
from shared.core.tasks.catalogue import TASKS
from tests.policy.evaluated import made
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

INFRA = parse(FILES)
LEASE_S: float = INFRA.default("deadlines_s")["lease"]
RESERVE = 3
"""Attempts that must be left for whatever else goes wrong."""


def starts_s(least_s: float, most_s: float) -> Iterator[float]:
    """Yield when each delivery begins whose predecessors all came back at once, in seconds after the first."""
    yield 0.0
    yield from itertools.accumulate(min(least_s * 2**attempt, most_s) for attempt in itertools.count())


def attempts_while_held(least_s: float, most_s: float, lease_s: float) -> int:
    """Return how many deliveries meet a lease that lives on from the first of them.

    >>> attempts_while_held(10, 600, 450)
    6
    """
    return sum(1 for _ in itertools.takewhile(lambda start_s: start_s <= lease_s, starts_s(least_s, most_s)))


class Subscription(NamedTuple):
    """What decides how patient a subscription is; times in seconds."""

    name: str
    least_s: float
    most_s: float
    attempts: int
    lease_s: float


def _deployed() -> list[Subscription]:
    found = []
    for each in made(INFRA, "google_pubsub_subscription", forget=True):
        attempts = each.one("dead_letter_policy", "max_delivery_attempts")
        if attempts is not None:
            least, most = (str(each.one("retry_policy", f"{end}_backoff")) for end in ("minimum", "maximum"))
            found.append(Subscription(each.body["name"], float(least[:-1]), float(most[:-1]), int(attempts), LEASE_S))
    return found


def _local() -> list[Subscription]:
    return [
        Subscription(each.name, each.min_backoff_s, each.max_backoff_s, each.attempts, topology.LEASE_TTL_S)
        for each in topology.SUBSCRIPTIONS
        if each.attempts is not None and each.topic in {topology.IMAGE_EVENTS, topology.IMAGE_BACKFILL}
    ]


WITH_DEAD_LETTERS = [*_deployed(), *_local()]


@pytest.mark.fault(3, 128)
@pytest.mark.parametrize("each", WITH_DEAD_LETTERS, ids=lambda each: each.name)
def test_a_live_lease_cannot_use_up_the_attempts_of_an_event(each: Subscription) -> None:
    """Though every delivery comes back as soon as it can, without even the moment that it waits for the lease."""
    burned = attempts_while_held(each.least_s, each.most_s, each.lease_s)

    assert burned + PARK_AFTER + RESERVE <= each.attempts


@pytest.mark.fault(128)
@pytest.mark.parametrize("each", WITH_DEAD_LETTERS, ids=lambda each: each.name)
def test_an_event_that_waited_for_a_dead_instance_comes_before_the_lease_would_have_ended_twice(
    each: Subscription,
) -> None:
    free_s = next(start_s for start_s in starts_s(each.least_s, each.most_s) if start_s > each.lease_s)

    assert free_s <= 2 * each.lease_s


def test_the_worker_waits_for_a_fraction_of_its_shortest_pause() -> None:
    assert min(each.least_s for each in _deployed()) / LEASE_WAIT_S >= 5


def test_every_subscription_with_dead_letters_is_looked_at() -> None:
    """One for each task, and one for each in the lane of a backfill."""
    assert len(_deployed()) == len(_local()) == 2 * len(TASKS)
