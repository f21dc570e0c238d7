"""Debian's Chromium on the viewer's page, driven by Playwright: what a test does with it, and what it must not see."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

_EXPECTED: Final = "Failed to load resource"
"""What Chromium says of a picture that the viewer refuses to decode: the page shows why instead."""


@dataclass  # without slots: Playwright keeps its own wrapper of a method at its object
class Watched:
    """A page, and whatever its console has said that nobody expected."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings."""
        if message.type in {"error", "warning"} and not message.text.startswith(_EXPECTED):
            self.complaints.append(f"{message.type}: {message.text}")


@contextlib.contextmanager
def opened(
    browser: Browser,
    url: str,
    *,
    size: tuple[int, int] = (1280, 900),
    scheme: Any = "light",
    headers: Mapping[str, str] | None = None,
) -> Iterator[Page]:
    """Yield the viewer's page as soon as it is live; afterwards nothing may have been said on its console."""
    width, height = size
    with contextlib.closing(
        browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True)
    ) as context:
        context.set_extra_http_headers(dict(headers or {}))
        context.set_default_timeout(WAIT_S * 1000)
        watched = Watched(context.new_page())
        watched.page.on("console", watched.hear)
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.goto(url)
        watched.page.wait_for_selector("#state[data-state=live]")
        watched.page.wait_for_selector("#cards:not([aria-busy])", state="attached")
        yield watched.page
        assert watched.complaints == []


def card(page: Page, name: str) -> Locator:
    """Return the card of an image by the last part of its name."""
    return page.locator(".card", has=page.locator(f'h2:text-is("{name}")'))


def look_at(page: Page, name: str) -> Locator:
    """Find an image by its name (a narrow window holds a card or two), open it, and return the dialog that shows it."""
    page.get_by_role("searchbox").fill(name)
    card(page, name).locator("button.stage").click()
    dialog = page.locator("#large")
    page.wait_for_function("name => document.querySelector('#large-title').textContent === name", arg=name)
    return dialog


def drop(page: Page, files: Mapping[str, bytes]) -> None:
    """Drop files on the page, as a person does from a folder."""
    listed = [{"name": name, "data": list(data)} for name, data in files.items()]
    transfer = page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const { name, data } of files) transfer.items.add(new File([new Uint8Array(data)], name));
            return transfer;
        }""",
        listed,
    )
    for kind in ("dragover", "drop"):
        page.dispatch_event("main", kind, {"dataTransfer": transfer})
