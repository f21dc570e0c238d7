"""Planned faults of pushes, seen by a real endpoint."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from infra.emulators import Fault
from tests.contract.pubsub_control import short
from tests.contract.pubsub_rig import endpoint
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]

NEVER = 600.0


def pushed_to(emulator: Controlled, url: str) -> tuple[str, str]:
    topic = emulator.rig.topic()
    return topic, emulator.rig.subscription(topic, push_config={"push_endpoint": url})


def test_a_push_whose_answer_is_lost_reached_the_endpoint_and_comes_again(emulator: Controlled) -> None:
    with endpoint() as here:
        topic, subscription = pushed_to(emulator, here.url)
        with emulator.planned(Fault("lost_answer", operation="push", subject=short(subscription))):
            emulator.rig.publish(topic, b"x")
            first, second = here.wait_for(2)
        wait_until(lambda: emulator.counts(subscription)["backlog"] == 0, "acknowledgement")
    assert first.body == second.body
    counts = emulator.counts(subscription)
    assert (counts["delivered"], counts["nacked"], counts["acked"]) == (2, 1, 1)


def test_a_push_answered_in_the_endpoints_stead_never_reaches_it(emulator: Controlled) -> None:
    with endpoint() as here:
        topic, subscription = pushed_to(emulator, here.url)
        with emulator.planned(Fault("push_status", subject=short(subscription), status=429, times=2)):
            emulator.rig.publish(topic, b"x")
            wait_until(lambda: emulator.counts(subscription)["acked"] == 1, "acknowledgement")
    assert len(here.received) == 1
    assert emulator.counts(subscription)["nacked"] == 2


def test_a_slow_push_does_not_hold_up_the_next(emulator: Controlled) -> None:
    with endpoint() as here:
        topic, subscription = pushed_to(emulator, here.url)
        fault = Fault("delay", operation="push", subject=short(subscription), seconds=NEVER)
        with emulator.planned(fault):
            emulator.rig.publish(topic, b"slow", b"quick")
            here.wait_for(1)
    assert b"cXVpY2s=" in here.received[0].body  # "quick"
    assert emulator.counts(subscription)["outstanding"] == 1


def test_a_duplicate_is_pushed_at_the_same_time(emulator: Controlled) -> None:
    both = threading.Barrier(2, timeout=WAIT_S)

    def answer(_: int) -> int:
        both.wait()
        return 204

    with endpoint(answer) as here:
        topic, subscription = pushed_to(emulator, here.url)
        with emulator.planned(Fault("duplicate", subject=short(subscription))):
            emulator.rig.publish(topic, b"x")
            wait_until(lambda: emulator.counts(subscription)["acked"] == 2, "acknowledgements")
    assert here.received[0].body == here.received[1].body


def test_a_reordered_push_starts_after_the_next_message(emulator: Controlled) -> None:
    with endpoint() as here:
        topic, subscription = pushed_to(emulator, here.url)
        with emulator.planned(Fault("reorder", subject=short(subscription), seconds=NEVER)):
            emulator.rig.publish(topic, b"first")
            assert emulator.counts(subscription)["outstanding"] == 0
            emulator.rig.publish(topic, b"second")
            here.wait_for(2)
            wait_until(lambda: emulator.counts(subscription)["acked"] == 2, "acknowledgements")
    assert emulator.counts(subscription)["delivered"] == 2


def test_deliveries_spent_on_faults_end_as_a_dead_letter(emulator: Controlled) -> None:
    graveyard = emulator.rig.topic()
    dead = emulator.rig.subscription(graveyard)
    topic = emulator.rig.topic()
    with endpoint() as here:
        policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
        backoff = {"minimum_backoff": {"nanos": 1_000_000}, "maximum_backoff": {"nanos": 1_000_000}}
        subscription = emulator.rig.subscription(
            topic, push_config={"push_endpoint": here.url}, dead_letter_policy=policy, retry_policy=backoff
        )
        with emulator.planned(Fault("push_status", subject=short(subscription), times=5)):
            emulator.rig.publish(topic, b"x")
            (letter,) = emulator.rig.pull(dead)
    assert letter.message.data == b"x"
    assert emulator.counts(subscription)["dead_lettered"] == 1
    assert here.received == []
