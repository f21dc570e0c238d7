"""Many small things at once, in their order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from shared import logs
from shared.core.errors import TransientError
from shared.pipeline import concurrency
from shared.pipeline.concurrency import AT_ONCE, ahead, concurrently, fetched_ahead
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def test_the_first_error_ends_it_and_calls_that_have_not_begun_never_do(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    the_rest_is_decided = threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            if wait:
                the_rest_is_decided.set()
            super().shutdown(wait=wait, cancel_futures=cancel_futures)

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ValueError("zero")
        assert the_rest_is_decided.wait(WAIT_S)

    monkeypatch.setattr(concurrency, "ThreadPoolExecutor", Pool)
    with pytest.raises(ValueError, match="zero"):
        concurrently([partial(call, number) for number in range(1000)])

    # The thread of the call that failed took one more at most before the error was seen.
    assert len(begun) <= AT_ONCE + 1


def test_log_lines_name_their_job_in_every_thread() -> None:
    with logs.context(key="k"):
        found = concurrently([logs._context.get] * 2)

    assert found == [{"key": "k"}] * 2


def test_outcomes_come_in_the_order_of_the_items_errors_too() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number // 2

    found: list[int] = []
    refused: list[int] = []
    for item, outcome in ahead(half, range(200), at_once=4):
        if item % 2:
            with pytest.raises(ValueError, match=f"^{item}$"):
                outcome()
            refused.append(item)
        else:
            found.append(outcome())

    assert found == list(range(100))
    assert refused == list(range(1, 200, 2))


def test_items_are_taken_no_further_ahead_than_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(ahead(str, items(), at_once=4)) as outcomes:
        for _ in range(10):
            next(outcomes)
    assert len(taken) <= 10 + 4 * 4


def test_whoever_closes_it_waits_for_no_call_and_those_that_have_not_begun_never_do() -> None:
    begun: list[int] = []
    threads: list[threading.Thread] = []
    first, may_end = threading.Event(), threading.Event()

    def call(number: int) -> None:
        begun.append(number)
        threads.append(threading.current_thread())
        if number:
            first.set()
            assert may_end.wait(WAIT_S)

    outcomes = ahead(call, range(100), at_once=1)
    next(outcomes)
    assert first.wait(WAIT_S)
    outcomes.close()
    may_end.set()
    threads[0].join(WAIT_S)

    assert begun == [0, 1]


def test_what_is_fetched_ahead_is_bounded_and_ends_with_who_wants_it() -> None:
    fetched: list[int] = []
    threads: set[threading.Thread] = set()

    def items() -> Iterator[int]:
        for number in range(10**6):
            threads.add(threading.current_thread())
            fetched.append(number)
            yield number

    with closing(fetched_ahead(items())) as wanted:
        assert [next(wanted) for _ in range(3)] == [0, 1, 2]
        wait_until(lambda: len(fetched) >= 1000, "fetching ahead")
    [thread] = threads
    thread.join(WAIT_S)

    assert thread is not threading.current_thread()
    assert not thread.is_alive()
    assert len(fetched) == 1000


@pytest.mark.parametrize("count", [0, 1, 249, 250, 700, 2000])
def test_everything_is_fetched_and_an_error_comes_behind_the_items_before_it(count: int) -> None:
    def items(error: Exception | None) -> Iterator[int]:
        yield from range(count)
        if error is not None:
            raise error

    assert list(fetched_ahead(items(None))) == list(range(count))
    with closing(fetched_ahead(items(TransientError("away")))) as wanted:
        assert list(islice(wanted, count)) == list(range(count))
        with pytest.raises(TransientError, match="away"):
            next(wanted)
