"""What happens now and what is stored already, as messages for the pages."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from http.client import NOT_FOUND
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from infra.local import topology
from infra.local.viewer import cards
from infra.local.viewer.errors import ApiError
from infra.local.viewer.feed import RETRY_MS, Feed, encode
from infra.local.viewer.listener import Listener
from shared.core.naming import PARKED
from shared.pipeline.worker.park import PARKED_CODE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from infra.local.viewer.names import Address
    from infra.local.viewer.store import Store

HEARTBEAT_S = 3.0
MAX_STORED = 200
"""Result documents (and uploads) that a newly opened page is given."""

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class Live:
    """The running viewer: its buckets, its open pages, and what is wrong with the stack right now."""

    store: Store
    project: str
    feed: Feed = field(default_factory=Feed)
    trouble: list[str] = field(default_factory=list)
    listener: Listener | None = None
    blocking: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    decoding: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(2))
    """A decoded picture can take hundreds of megabytes: few at a time."""

    async def in_thread(self, function: Callable[[], _T]) -> _T:
        """Run something that blocks."""
        return await anyio.to_thread.run_sync(function, limiter=self.blocking)

    async def check(self) -> None:
        """Look after the subscriptions, and tell every page how the stack is."""
        before, self.trouble = self.trouble, await self.in_thread(self._find_trouble)
        self.feed.send("heartbeat", {"trouble": self.trouble})
        if before and not self.trouble:
            # What happened meanwhile was not heard: every page starts again from what is stored.
            self.feed.restart()

    async def watch(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.check()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield what one page is told: what is stored, newest first, and then what happens."""
        with self.feed.page() as page:  # before the listing, so that nothing falls between the two
            yield f"retry: {RETRY_MS}\n\n".encode() + encode("heartbeat", {"trouble": self.trouble})
            try:
                async for message in self._stored():
                    yield message
            except ApiError as error:
                yield encode("problem", {"message": error.message})
                return  # the page connects anew and asks again
            yield encode("ready", {})
            async for message in page:
                yield message

    def planned(self, event: bytes) -> None:
        """Tell every page of an image event."""
        try:
            for card in cards.planned_cards(event):
                self.feed.send("image", card | {"live": True})
        except _MALFORMED as error:
            self._report("an image event", error)

    def finished(self, event: bytes) -> None:
        """Tell every page of a result event, with the document it points to."""
        try:
            card = cards.held_card(event) if cards.is_held(event) else self._result(cards.event_address(event))
            self.feed.send("result", card | {"live": True})
        except (ApiError, *_MALFORMED) as error:
            self._report("a result event", error)

    async def close(self) -> None:
        """Stop listening."""
        if self.listener is not None:
            await self.in_thread(self.listener.close)

    def _find_trouble(self) -> list[str]:
        if self.listener is None:
            handlers = {topology.IMAGE_RESULTS: self.finished, topology.IMAGE_EVENTS: self.planned}
            self.listener = Listener(self.project, handlers)
        return [trouble for trouble in (self.store.check(), self.listener.check()) if trouble]

    async def _stored(self) -> AsyncIterator[bytes]:
        store = self.store
        uploads = await self.in_thread(lambda: store.newest(topology.UPLOADS, limit=MAX_STORED))
        for upload in uploads:
            yield encode("image", cards.upload_card(upload) | {"live": False})
        parked = await self.in_thread(lambda: store.newest(topology.WORK, limit=MAX_STORED, prefix=PARKED))
        documents = await self.in_thread(
            lambda: store.newest(topology.RESULTS, limit=MAX_STORED, wanted=cards.is_document)
        )
        shown = [(at, self._stored_held) for at in parked] + [(at, _stored_result) for at in documents]
        reads = [asyncio.create_task(self.in_thread(partial(self._stored_card, *each))) for each in shown]
        try:
            for read in reads:
                yield await read
        finally:
            for read in reads:
                read.cancel()

    def _stored_card(self, address: Address, make: Callable[[bytes, Address], list[dict[str, Any]]]) -> bytes:
        try:
            made = make(self.store.read(address).data, address)
            return b"".join(encode("result", card | {"live": False}) for card in made)
        except ApiError as error:
            if error.status != NOT_FOUND:
                raise
            return encode("problem", {"message": error.message})
        except _MALFORMED as error:
            _log.warning("gs://%s/%s cannot be shown: %r", address.bucket, address.name, error)
            return encode("problem", {"message": f"{address.name} cannot be shown: {error!r}"})

    def _stored_held(self, content: bytes, address: Address) -> list[dict[str, Any]]:
        code = self.store.metadata(address).get(PARKED_CODE, "the log says why")
        return cards.stored_held_cards(content, address, code=code)

    def _result(self, address: Address) -> dict[str, Any]:
        return cards.result_card(self.store.read(address).data, address)

    def _report(self, what: str, error: Exception) -> None:
        _log.warning("%s could not be shown: %r", what, error)
        self.feed.send("problem", {"message": f"{what} could not be shown: {error}"})


def _stored_result(content: bytes, address: Address) -> list[dict[str, Any]]:
    return [cards.result_card(content, address)]
