"""The web in memory: the twin of `shared.adapters.web`, with queued faults like the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.adapters.memory_faults import Faults
from shared.core.errors import ErrorCode, ImageRejectedError

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoryWeb:
    """The `ImageFetcher` port: pages by address."""

    def __init__(self, pages: Mapping[str, bytes] | None = None) -> None:
        self.faults = Faults()
        self.pages = dict(pages or {})

    def fetch(self, url: str, *, max_bytes: int, timeout_s: float) -> bytes:  # noqa: ARG002 - the port
        """Return a page."""
        self.faults.begin("fetch")
        page = self.pages.get(url)
        if page is None:
            raise ImageRejectedError(ErrorCode.URL_REFUSED, f"{url} was not fetched: it answered 404.")
        if len(page) > max_bytes:
            raise ImageRejectedError(ErrorCode.TOO_MANY_BYTES, f"{url} has more than {max_bytes:,} bytes.")
        return page
