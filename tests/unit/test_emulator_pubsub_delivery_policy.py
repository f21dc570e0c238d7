from __future__ import annotations

from typing import Any

import pytest

from infra.emulators.pubsub.delivery_policy import AT_ONCE, PUSH_DEFAULT, Backoff, delivery_policy_of
from infra.emulators.pubsub.models import proto

RETRY = {"minimum_backoff": {"seconds": 2}, "maximum_backoff": {"seconds": 5, "nanos": 500_000_000}}
PUSH = {"push_endpoint": "http://127.0.0.1:1/"}


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff(10, 600), [10, 20, 40, 80, 160, 320, 600, 600]),
        (PUSH_DEFAULT, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60]),
        (Backoff(0, 0), [0, 0]),
        (Backoff(5, 5), [5, 5]),
    ],
)
def test_backoff_doubles_from_the_minimum_to_the_maximum(backoff: Backoff, delays: list[float]) -> None:
    assert [backoff.delay_s(attempt) for attempt in range(1, len(delays) + 1)] == pytest.approx(delays)


def test_backoff_stays_at_the_maximum_for_any_attempt() -> None:
    assert Backoff(0.1, 60).delay_s(100_000) == 60


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, AT_ONCE),
        ({"push_config": PUSH}, PUSH_DEFAULT),
        ({"retry_policy": RETRY}, Backoff(2, 5.5)),
        ({"retry_policy": RETRY, "push_config": PUSH}, Backoff(2, 5.5)),
    ],
)
def test_a_retry_policy_goes_before_the_default_of_push(settings: dict[str, Any], expected: Backoff) -> None:
    assert delivery_policy_of(proto("Subscription")(**settings)).backoff == expected


def test_attempts_are_counted_only_with_a_dead_letter_policy() -> None:
    policy = {"dead_letter_topic": "projects/local-dev/topics/dead", "max_delivery_attempts": 7}
    assert delivery_policy_of(proto("Subscription")()).max_attempts is None
    assert delivery_policy_of(proto("Subscription")(dead_letter_policy=policy)).max_attempts == 7
