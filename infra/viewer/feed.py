"""Server-sent events: what happens is sent once, and reaches every page that is open."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_MS = 1000
_MAX_BEHIND = 1000
"""Messages a page may be behind before it is cut off; it connects anew and starts from what is stored."""


def encode(event: str, data: Any) -> bytes:
    """Return one event of the stream (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


class Page:
    """One open page: an async iterator over what it is still to be told, until it is cut off."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MAX_BEHIND)
        self._ended = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Add a message; one too many ends the page."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """End the stream, whatever still waits."""
        self._ended.set()
        if self._waiting.empty():
            self._waiting.put_nowait(b"")

    def __aiter__(self) -> Page:
        return self

    async def __anext__(self) -> bytes:
        if not self._ended.is_set():
            message = await self._waiting.get()
            if not self._ended.is_set():
                return message
        raise StopAsyncIteration


class Feed:
    """All open pages. `send` may be called from any thread; everything else belongs to the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pages: set[Page] = set()
        self._closed = False

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """Yield a new page, which hears everything from now on."""
        page = Page()
        self._pages.add(page)
        if self._closed:
            page.end()
        try:
            yield page
        finally:
            self._pages.discard(page)

    def send(self, event: str, data: Any) -> None:
        """Tell every page."""
        self._loop.call_soon_threadsafe(self._put, encode(event, data))

    @property
    def anyone(self) -> bool:
        """Whether a page is open."""
        return bool(self._pages)

    def changed(self) -> None:
        """Tell every page that what it shows may be another by now."""
        self.send("changed", {})

    def problem(self, message: str) -> None:
        """Tell every page what could not be shown."""
        self.send("problem", {"message": message})

    def restart(self) -> None:
        """Cut every page off: each connects anew and starts from what is stored now."""
        for page in self._pages:
            page.end()

    def close(self) -> None:
        """Cut every page off for good, so that the server can end."""
        self._closed = True
        self.restart()

    def _put(self, message: bytes) -> None:
        for page in self._pages:
            page.put(message)
