"""Do many small things at once: each waits for the network, and none for another."""

from __future__ import annotations

import contextvars
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from concurrent.futures import Future

AT_ONCE = 8
"""A storage client keeps ten connections open."""

_AHEAD = 4
"""How many calls for each thread may be done before their turn."""

S = TypeVar("S")
T = TypeVar("T")


def concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return what the calls return, in their order; a single one is made in this thread.

    Raises:
        Exception: whatever the first of them raises, in their order; those that have not begun by then never do.
    """
    if len(calls) <= 1:
        return [call() for call in calls]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="concurrently") as pool:
        # Log lines name the job that they belong to, in whatever thread they are written.
        begun = [pool.submit(contextvars.copy_context().run, call) for call in calls]
        try:
            return [each.result() for each in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ahead(
    call: Callable[[S], T], items: Iterable[S], *, at_once: int
) -> Generator[tuple[S, Callable[[], T]], None, None]:
    """Yield every item, in its order, with what returns (or raises) the outcome of its call, which began before.

    Items are taken as they are needed, so there may be millions. Who has enough, or got an error, closes the
    generator (`contextlib.closing`): then calls that have not begun never do.
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="ahead")
    waiting: deque[tuple[S, Future[T]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(contextvars.copy_context().run, call, item)))
            if len(waiting) == _AHEAD * at_once:
                first, future = waiting.popleft()
                yield first, future.result
        while waiting:
            last, future = waiting.popleft()
            yield last, future.result
    finally:
        pool.shutdown(cancel_futures=True)  # where a store is away, every call that has not begun would wait for it
