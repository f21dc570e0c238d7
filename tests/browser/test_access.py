"""Whoever cannot see the page, or holds no mouse: axe finds nothing serious, and everything is large enough to hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.bench.planted import Planted, plant
from tests.browser.access import serious, too_small
from tests.browser.rig import look_at, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.contract.viewer_rig import Stack

IMAGES = [
    Planted(
        "first.jpg",
        items=[("cat", (20, 20, 120, 120)), ("cat", (130, 20, 220, 120)), ("cup", (150, 130, 300, 220))],
        caption="Cats.",
    ),
    Planted("failed.jpg", status="failed"),
    Planted("waiting.jpg", status="waiting"),
    Planted("lying.jpg", (300, 400), [("tower", (30, 40, 150, 240))], orientation=6),
]


@pytest.fixture(scope="module", autouse=True)
def _planted(emulators: tuple[str, str]) -> None:
    plant(emulators[0], IMAGES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
def test_nothing_keeps_anybody_out(browser: Browser, viewer: Stack, scheme: str, size: tuple[int, int]) -> None:
    with opened(browser, viewer.viewer, scheme=scheme, size=size) as page:
        page.locator(".card").first.wait_for()
        page.get_by_text("What to ask for").click()
        assert (serious(page), too_small(page)) == ([], [])
        look_at(page, "first.jpg")
        page.wait_for_selector("#story li")
        page.get_by_text("The result document (JSON)").click()
        page.wait_for_function("() => document.querySelector('#json-text').textContent.includes('box_px')")
        assert (serious(page), too_small(page)) == ([], [])


def test_the_empty_page_keeps_nobody_out_either(browser: Browser, bare_viewer: Stack) -> None:
    with opened(browser, bare_viewer.viewer) as page:
        page.locator("#empty .samples").wait_for()
        assert (serious(page), too_small(page)) == ([], [])
