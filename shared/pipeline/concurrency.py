"""Do many small things at once: each waits for the network, and none for another."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice, repeat
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

AT_ONCE = 8
"""A storage client keeps ten connections open."""

_AHEAD = 4
"""How many calls for each thread may be done before their turn."""

_FETCHED = 250
"""Items that are fetched by one call: to switch threads for each would take longer than to list it."""

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
    generator (`contextlib.closing`): calls that have not begun never do, and nobody waits for those under way. They
    end with the process, however long they hang.
    """
    begun: deque[_Call[S, T]] = deque()
    queue: SimpleQueue[_Call[S, T] | None] = SimpleQueue()
    threads = 0
    try:
        for item in items:
            begun.append(_Call(call, item))
            queue.put(begun[-1])
            if threads < at_once:
                threads += 1
                threading.Thread(target=_work, args=(queue,), name="ahead", daemon=True).start()
            if len(begun) == _AHEAD * at_once:
                first = begun.popleft()
                yield first.item, first.outcome
        while begun:
            first = begun.popleft()
            yield first.item, first.outcome
    finally:
        with suppress(Empty):
            while True:
                queue.get_nowait()
        for _ in range(threads):
            queue.put(None)


def fetched_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """Yield the items, in their order, while a thread of its own fetches the next ones: a page of a listing, not more.

    Close it where not all are wanted (`contextlib.closing`), so that the thread ends.

    Raises:
        Exception: whatever the iterator raises, behind the items before it.
    """
    with closing(ahead(_some, repeat(items), at_once=1)) as fetched:
        for _, outcome in fetched:
            some, error = outcome()
            yield from some
            if error is not None:
                raise error
            if not some:
                return


def _some(items: Iterator[T]) -> tuple[Sequence[T], BaseException | None]:
    """Take some items, and what ended that too early; nothing is the end."""
    some: list[T] = []
    try:
        some.extend(islice(items, _FETCHED))
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are wanted
        return some, error
    return some, None


class _Call(Generic[S, T]):
    """A call to make, and what came of it."""

    def __init__(self, call: Callable[[S], T], item: S) -> None:
        self.item = item
        context = contextvars.copy_context()
        self._call: Callable[[], T] = lambda: context.run(call, item)
        self._done = threading.Lock()
        self._done.acquire()
        self._value: T
        self._error: BaseException | None = None

    def make(self) -> None:
        """Make it, in whatever thread."""
        try:
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where the outcome is asked for
            self._error = error
        self._done.release()

    def outcome(self) -> T:
        """Wait for it, and return or raise what it did."""
        with self._done:
            if self._error is not None:
                raise self._error
            return self._value


def _work(queue: SimpleQueue[_Call[S, T] | None]) -> None:
    while (call := queue.get()) is not None:
        call.make()
