"""The running viewer: what is stored, what is heard, which pages are open, and how the stack is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from infra.local.activity import Tail
from infra.local.viewer.buckets import MALFORMED, Buckets
from infra.local.viewer.catalog import Catalog
from infra.local.viewer.errors import ApiError
from infra.local.viewer.feed import RETRY_MS, Feed, encode
from infra.local.viewer.hearing import Hearing
from infra.local.viewer.history import History
from infra.local.viewer.listener import Listener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from infra.local.viewer.store import Store

HEARTBEAT_S = 3.0
ACTIVITY_S = 0.3
LOG_LINES = 200
"""Of the log of events, as many as a newly opened page is given."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Live:
    """Everything that requests share. `activity` is the file that the functions write to, if there is one."""

    store: Store
    project: str
    activity: Path | None = None
    feed: Feed = field(default_factory=Feed)
    catalog: Catalog = field(default_factory=Catalog)
    history: History = field(default_factory=History)
    trouble: list[str] = field(default_factory=list)
    unread: int = 0
    """Documents that are still to be read: until then the page knows that it doesn't know everything."""
    listener: Listener | None = None
    blocking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    decoding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    """A decoded picture can take hundreds of megabytes: few at a time."""
    buckets: Buckets = field(init=False)
    hearing: Hearing = field(init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.buckets = Buckets(self.store, self.catalog)
        self.hearing = Hearing(self.catalog, self.history, self.buckets, self.feed)

    async def in_thread(self, function: Callable[[], _T]) -> _T:
        """Run something that blocks."""
        return await anyio.to_thread.run_sync(function, limiter=self.blocking)

    async def check(self) -> None:
        """Look after the subscriptions, and tell every page how the stack is."""
        before, self.trouble = self.trouble, await self.in_thread(self._find_trouble)
        self.feed.send("heartbeat", self.state())
        if before and not self.trouble:
            # What happened meanwhile was not heard: every page starts again from what is stored.
            self.feed.restart()

    def state(self) -> dict[str, Any]:
        """Return how the stack is, as pages are told every few seconds."""
        return {"trouble": self.trouble, "unread": self.unread}

    async def watch(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.check()

    async def follow(self) -> None:
        """Read what the functions do, for ever."""
        if self.activity is None:
            return
        tail = Tail(self.activity)
        while True:
            try:
                await self.in_thread(lambda: self.hearing.acted(tail.read()))
            except MALFORMED as error:
                self.hearing.problem(f"A line of {self.activity} could not be read: {error!r}")
            await asyncio.sleep(ACTIVITY_S)

    async def read_buckets(self) -> None:
        """Bring the catalog up to what is stored.

        Raises:
            ApiError: 503 the stack is down.
        """
        async with self._reading:
            for trouble in await self.in_thread(lambda: self.buckets.read(told=self._told)):
                self.hearing.problem(trouble)

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
        """Stop listening."""
        if self.listener is not None:
            await self.in_thread(self.listener.close)

    def _told(self, done: int, new: int) -> None:
        self.unread = new - done
        self.feed.send("heartbeat", self.state())
        self.hearing.changed()

    def _find_trouble(self) -> list[str]:
        if self.listener is None:
            self.listener = Listener(self.project, self.hearing.handlers())
        return [trouble for trouble in (self.store.check(), self.listener.check()) if trouble]
