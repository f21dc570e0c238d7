"""Whoever cannot see the page, or holds no mouse: axe finds nothing serious, and everything is large enough to hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.bench.planted import Planted, plant
from tests.browser.rig import look_at, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.contract.viewer_rig import Stack

LEAST_PX = 24
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


def serious(page: Page) -> list[str]:
    """Return what axe finds that keeps people out, in words."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def too_small(page: Page) -> list[str]:
    """Return what can be pressed and is smaller than a finger needs: https://www.w3.org/TR/WCAG22/#target-size-minimum."""
    found: list[str] = page.evaluate(
        """least => [...document.querySelectorAll("a, button, input, select, summary, [tabindex='0']")]
            .map(it => it.matches("input[type=checkbox]") && it.closest("label") ? it.closest("label") : it)
            .filter(it => it.checkVisibility({ visibilityProperty: true }) && !it.matches(".skip"))
            .map(it => [it.getBoundingClientRect(), it.outerHTML.slice(0, 120)])
            .filter(([{ width, height }]) => Math.min(width, height) < least)
            .map(([{ width, height }, html]) => `${width.toFixed(1)} x ${height.toFixed(1)}: ${html}`)""",
        LEAST_PX,
    )
    return found


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
