"""The viewer of a local stack, as it runs: it hears of everything at once, from the topics and from the functions."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

from infra.local.activity import Tail
from infra.local.viewer.hearing import Hearing
from infra.local.viewer.listener import Listener
from infra.viewer.buckets import MALFORMED
from infra.viewer.live import HEARTBEAT_S, Live

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from starlette.requests import Request

    from infra.local.viewer.faults import Faults
    from infra.viewer.store import Store

ACTIVITY_S: Final = 0.3


def local_of(request: Request) -> LocalLive:
    """Return the running viewer."""
    live: LocalLive = request.app.state.live
    return live


class LocalLive(Live):
    """Everything that requests share.

    `activity` is the file that the functions write what they do to, `faults` what can be broken, where there is any.
    """

    def __init__(
        self, store: Store, *, project: str, activity: Path | None = None, faults: Faults | None = None
    ) -> None:
        super().__init__(store, newest=None, read_every_s=math.inf)  # it need not look: it hears
        self.project = project
        self.activity = activity
        self.faults = faults
        self.hearing = Hearing(self.catalog, self.history, self.buckets, self.feed)
        self.listener: Listener | None = None

    async def begin(self) -> None:
        """Listen before the first page asks what there is."""
        await self.check()

    def running(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the viewer does."""
        return [self.keep_up(), self.follow()]

    async def keep_up(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.check()

    async def check(self) -> None:
        """Look after the subscriptions, and tell every page how the stack is."""
        before, self.trouble = self.trouble, await self.in_thread(self._find_trouble)
        self.feed.send("heartbeat", self.state())
        if before and not self.trouble:
            # What happened meanwhile was not heard: every page starts again from what is stored.
            self.feed.restart()

    async def follow(self) -> None:
        """Read what the functions do, for ever."""
        if self.activity is None:
            return
        tail = Tail(self.activity)
        while True:
            try:
                await self.in_thread(lambda: self.hearing.acted(tail.read()))
            except MALFORMED as error:
                self.feed.problem(f"A line of {self.activity} could not be read: {error!r}")
            await asyncio.sleep(ACTIVITY_S)

    async def close(self) -> None:
        """Stop listening."""
        if self.listener is not None:
            await self.in_thread(self.listener.close)

    def _find_trouble(self) -> list[str]:
        if self.listener is None:
            self.listener = Listener(self.project, self.hearing.handlers())
        return [trouble for trouble in (self.store.check(), self.listener.check()) if trouble]
