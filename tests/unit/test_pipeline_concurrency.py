"""Many small things at once, in their order."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from shared import logs
from shared.pipeline.concurrency import AT_ONCE, concurrently
from tests.waiting import WAIT_S


def test_what_the_calls_return_comes_in_their_order_although_they_run_together() -> None:
    turn = [threading.Event() for _ in range(AT_ONCE)]
    turn[-1].set()

    def backwards(number: int) -> int:
        assert turn[number].wait(WAIT_S)
        turn[number - 1].set()
        return number

    assert concurrently([partial(backwards, number) for number in range(AT_ONCE)]) == list(range(AT_ONCE))


def test_a_single_call_is_made_in_this_thread_and_none_is_fine() -> None:
    assert concurrently([threading.get_ident]) == [threading.get_ident()]
    assert concurrently([]) == []


def test_the_first_error_ends_it_and_calls_that_have_not_begun_never_do() -> None:
    begun: list[int] = []
    may_end = threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            may_end.set()
            raise ValueError("zero")
        assert may_end.wait(WAIT_S)

    with pytest.raises(ValueError, match="zero"):
        concurrently([partial(call, number) for number in range(1000)])

    assert len(begun) < 1000


def test_log_lines_name_their_job_in_every_thread() -> None:
    with logs.context(key="k"):
        found = concurrently([logs._context.get] * 2)

    assert found == [{"key": "k"}] * 2
