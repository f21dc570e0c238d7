from __future__ import annotations

import math

from infra.emulators.pubsub.delay_queue import DelayQueue
from infra.emulators.pubsub.models import Message


def message(name: str) -> Message:
    return Message(name, b"x", {}, "", 0)


FIRST, SECOND = message("1"), message("2")


def test_what_is_due_comes_out_in_the_order_of_time() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 3, due=20)
    waiting.add(SECOND, 1, due=10)
    assert waiting.next_due() == 10
    assert waiting.release(20) == [(SECOND, 1), (FIRST, 3)]


def test_what_is_not_due_stays() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20)
    assert waiting.release(19.9) == []
    assert waiting.messages() == [FIRST]


def test_an_empty_queue_is_never_due() -> None:
    assert DelayQueue().next_due() == math.inf


def test_a_message_comes_out_with_the_last_one_that_was_to_pass_it() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20, behind=2)
    assert [waiting.overtake(), waiting.overtake(), waiting.overtake()] == [[], [(FIRST, 0)], []]
    assert len(waiting) == 0


def test_messages_that_are_passed_at_once_keep_their_order() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20, behind=1)
    waiting.add(SECOND, 0, due=10, behind=1)
    assert waiting.overtake() == [(FIRST, 0), (SECOND, 0)]


def test_passing_means_nothing_to_a_message_that_waits_for_its_time() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20)
    assert waiting.overtake() == []
    assert waiting.release(20) == [(FIRST, 0)]


def test_a_message_that_time_released_is_not_released_again() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20, behind=1)
    waiting.release(20)
    assert waiting.overtake() == []


def test_nothing_is_left_after_a_clear() -> None:
    waiting = DelayQueue()
    waiting.add(FIRST, 0, due=20, behind=1)
    waiting.clear()
    assert (len(waiting), waiting.overtake(), waiting.release(99)) == (0, [], [])
