"""Do many small things at once: each waits for the network, and none for another."""

from __future__ import annotations

import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT_ONCE = 8
"""A storage client keeps ten connections open."""

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
