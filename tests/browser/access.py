"""What keeps people out of a page: what axe finds serious, and what is too small to hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEAST_PX = 24


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
