"""The running viewer: what is stored, which pages are open, and whether the buckets can be read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.to_thread

from infra.viewer.buckets import Buckets
from infra.viewer.catalog import Catalog
from infra.viewer.errors import ApiError
from infra.viewer.feed import RETRY_MS, Feed, encode
from infra.viewer.history import History

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from infra.viewer.store import Store

HEARTBEAT_S: Final = 3.0
LOG_LINES: Final = 200
"""Of the log of events, as many as a newly opened page is given."""

_T = TypeVar("_T")


class Live:
    """Everything that requests share. Nothing tells of what happens: while a page is open, buckets are read anew."""

    def __init__(self, store: Store, *, newest: int | None, read_every_s: float) -> None:
        self.store = store
        self.read_every_s = read_every_s
        self.feed = Feed()
        self.catalog = Catalog()
        self.history = History()
        self.buckets = Buckets(store, self.catalog, newest)
        self.trouble: list[str] = []
        self.unread = 0
        """Documents that are still to be read: until then the page knows that it doesn't know everything."""
        self.blocking = anyio.CapacityLimiter(8)
        self.decoding = anyio.CapacityLimiter(2)
        """A decoded picture can take hundreds of megabytes: few at a time."""
        self._reading = asyncio.Lock()

    async def in_thread(self, function: Callable[[], _T]) -> _T:
        """Run something that blocks."""
        return await anyio.to_thread.run_sync(function, limiter=self.blocking)

    async def begin(self) -> None:
        """Do what comes before the first page."""

    def running(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the viewer does."""
        return [self.keep_up()]

    async def keep_up(self) -> None:
        """Tell every page that the viewer is there and, every `read_every_s`, what has changed; for ever."""
        loop = asyncio.get_running_loop()
        looked_at_s = loop.time()
        while True:
            await asyncio.sleep(min(HEARTBEAT_S, self.read_every_s))
            if self.feed.anyone and loop.time() - looked_at_s >= self.read_every_s:
                await self.look_again()
                looked_at_s = loop.time()
            self.feed.send("heartbeat", self.state())

    async def look_again(self) -> None:
        """Read what is new, and tell every page."""
        try:
            await self.read_buckets()
        except ApiError as error:
            self.trouble = [error.message]
            return
        self.trouble = []
        self.feed.changed()

    def state(self) -> dict[str, Any]:
        """Return how the deployment is, as pages are told every few seconds."""
        return {"trouble": self.trouble, "unread": self.unread}

    async def read_buckets(self) -> None:
        """Bring the catalog up to what is stored.

        Raises:
            ApiError: 503 the buckets cannot be read.
        """
        async with self._reading:
            for trouble in await self.in_thread(lambda: self.buckets.read(told=self._told)):
                self.feed.problem(trouble)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield what one page is told: that it can ask for what is stored, the log of events, and then what happens."""
        with self.feed.page() as page:  # before the reading, so that nothing falls between the two
            yield f"retry: {RETRY_MS}\n\n".encode() + encode("heartbeat", self.state())
            yield encode("changed", {})  # what is known already need not wait for what is new
            try:
                await self.read_buckets()
            except ApiError as error:
                yield encode("problem", {"message": error.message})
                return  # the page connects anew and asks again
            yield encode("history", [entry.document() for entry in self.history.latest(LOG_LINES)])
            yield encode("ready", {})
            async for message in page:
                yield message

    async def close(self) -> None:
        """Let go of what is held."""

    def _told(self, done: int, new: int) -> None:
        self.unread = new - done
        self.feed.send("heartbeat", self.state())
        self.feed.changed()
