"""A client whose every request is seen, and the same call made by its synchronous and its asynchronous half."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx2

TOKEN = "ya29.local"
VERTEX = {
    "enterprise": True,
    "project": "p1",
    "location": "global",
    "credentials": Credentials(token=TOKEN),  # type: ignore[no-untyped-call]
}


@dataclass(frozen=True)
class Sent:
    """One request on the wire; `path` with its query, `body` read as JSON where it is JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Recorder:
    """Unmodified clients of one emulator, and what they sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: list[Sent] = []

    def options(self, **options: Any) -> types.HttpOptions:
        """Return options that make a client talk to the emulator and be overheard."""

        def hear(request: httpx2.Request) -> None:
            self.sent.append(_sent(request))

        async def hear_too(request: httpx2.Request) -> None:
            self.sent.append(_sent(request))

        return types.HttpOptions(
            **{"base_url": self.url} | options,
            client_args={"event_hooks": {"request": [hear]}},
            async_client_args={"event_hooks": {"request": [hear_too]}},
        )

    def call(self, act: Callable[[Any], Any], *, asynchronous: bool, vertex: bool = False, **options: Any) -> Any:
        """Return what `act` returns for a client, or for the asynchronous half of one."""
        named = VERTEX if vertex else {"api_key": "KEY123"}
        with genai.Client(**named, http_options=self.options(**options)) as client:
            if not asynchronous:
                return act(client)

            async def through() -> Any:
                async with client.aio as aio:
                    return await _awaited(act(aio))

            return asyncio.run(through())


async def _awaited(value: Awaitable[Any]) -> Any:
    found = await value
    # An asynchronous listing must be read while its client is open.
    return [each async for each in found] if hasattr(found, "__aiter__") else found


def _sent(request: httpx2.Request) -> Sent:
    address = urlsplit(str(request.url))
    path = f"{address.path}?{address.query}" if address.query else address.path
    data = request.content
    kind = request.headers.get("content-type", "")
    known = data and "json" in kind and data[:1] == b"{"
    return Sent(request.method, path, dict(request.headers), json.loads(data) if known else data)
