"""A thousand images in the browser: what is loaded, what is on the page, how they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.bench.planted import Planted, plant
from tests.browser.rig import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.contract.viewer_rig import Stack

MANY = 1000
MAX_CARDS = 60
MAX_BYTES = 300_000
GROWS_AT_MOST = 1.1
STATUSES = {7: "failed", 8: "waiting", 9: "none"}
ITEMS = [("cat", (20, 20, 120, 120)), ("cup", (150, 60, 300, 220))]


def planted(number: int) -> Planted:
    status = STATUSES.get(number % 100, "ok")
    items = ITEMS[: 1 + number % 2] if status == "ok" else ()
    return Planted(
        f"shelf/{number:04}.jpg", items=items, status=status, caption=f"Number {number}", masks=number % 20 == 0
    )


@pytest.fixture(scope="module", autouse=True)
def _planted(emulators: tuple[str, str]) -> None:
    plant(emulators[0], map(planted, range(MANY)))


def shown(page: Page) -> int:
    return page.locator(".card").count()


def settled(page: Page, expression: str) -> None:
    page.wait_for_function(f"() => {expression}")


def test_the_first_sight_is_small_and_tells_of_all_of_them(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(
            page, "document.querySelector('#overview').textContent.startsWith('1,000 images, 10 failed, 10 waiting')"
        )
        assert "local calls, nothing paid" in page.locator("#use").inner_text()
        assert shown(page) <= MAX_CARDS
    with opened(browser, viewer.viewer) as page:  # by now the viewer has read everything
        settled(page, "document.querySelectorAll('.card').length > 0")
        sizes = page.evaluate(
            """() => performance.getEntriesByType("resource")
                .concat(performance.getEntriesByType("navigation"))
                .filter(each => !each.name.includes("/api/preview") && !each.name.includes("/api/objects"))
                .map(each => each.transferSize)"""
        )
        assert sum(sizes) <= MAX_BYTES


def test_scrolling_through_a_thousand_keeps_the_page_small(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelector('#overview').textContent.startsWith('1,000')")
        most = nodes = 0
        seen: set[str] = set()
        for step in range(21):
            page.evaluate("share => scrollTo(0, share * (document.body.scrollHeight - innerHeight))", step / 20)
            page.wait_for_function(ON_SCREEN)
            seen.update(page.locator(".card h2").all_inner_texts())
            most = max(most, shown(page))
            nodes = max(nodes, page.evaluate("() => document.querySelectorAll('*').length"))
        assert {"0999.jpg", "0000.jpg"} <= seen
        assert most <= MAX_CARDS
        assert nodes < 3000


def walked(page: Page) -> None:
    """Scroll from the first image to the last, and back."""
    for step in (*range(21), 10, 0):
        page.evaluate("share => scrollTo(0, share * (document.body.scrollHeight - innerHeight))", step / 20)
        page.wait_for_function(ON_SCREEN)


def held(page: Page) -> dict[str, float]:
    """Return what the page holds once nothing is left to be collected: bytes of JavaScript, nodes, listeners."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


def test_another_way_through_a_thousand_takes_no_more_memory_than_the_first(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelector('#overview').textContent.startsWith('1,000')")
        walked(page)
        first = held(page)
        walked(page)
        second = held(page)
    grown = {name: second[name] / first[name] for name in first}
    assert max(grown.values()) <= GROWS_AT_MOST, (first, second)


ON_SCREEN = """() => [...document.querySelectorAll(".card")].some(card => {
    const { top, bottom } = card.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
})"""


def chosen(page: Page, name: str, value: str) -> None:
    page.locator(f"select[name={name}]").select_option(value)


def found(page: Page, text: str) -> None:
    page.wait_for_function("text => document.querySelector('#found').textContent === text", arg=text)


def test_images_are_found_by_name_state_and_label(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelector('#overview').textContent.startsWith('1,000')")
        chosen(page, "state", "failed")
        found(page, "10 of 1,000 shown")
        page.wait_for_function("() => document.querySelectorAll('.card').length === 10")
        assert {each.get_attribute("data-state") for each in page.locator(".card").all()} == {"failed"}
        page.get_by_role("searchbox").fill("0107")
        found(page, "1 of 1,000 shown")
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function("() => !document.querySelector('#found').textContent")
        chosen(page, "label", "cup")
        found(page, "480 of 1,000 shown")
        chosen(page, "state", "waiting")
        found(page, "0 of 1,000 shown")


def test_nothing_that_is_planned_is_said_to_be_without_a_task(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelector('#overview').textContent.startsWith('1,000')")
        page.get_by_role("searchbox").fill("0108")  # it waits
        found(page, "1 of 1,000 shown")
        page.wait_for_function("() => document.querySelectorAll('.card').length === 1")
        assert "Waits for its workers." in page.locator(".card").inner_text()
        page.get_by_role("searchbox").fill("0109")  # nothing was planned for it, as far as anybody knows
        page.wait_for_function("() => document.querySelector('.card h2').textContent === '0109.jpg'")
        assert "no task has been planned yet" in page.locator(".card").inner_text()


def test_the_keyboard_reaches_the_first_picture_in_ten_steps_and_goes_on_from_there(
    browser: Browser, viewer: Stack
) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelectorAll('.card').length > 0")
        stops = 0
        while not page.evaluate("() => Boolean(document.activeElement.closest('.card'))"):
            page.keyboard.press("Tab")
            stops += 1
            assert stops <= 11
        for _ in range(MAX_CARDS + 10):  # more than are on the page at once
            page.keyboard.press("Tab")
            page.wait_for_function("() => document.activeElement.closest('.card')")
            at = page.evaluate("() => Number(document.activeElement.closest('.card').dataset.index)")
            page.wait_for_function(
                "at => document.querySelector(`.card[data-index='${at + 1}']`)", arg=at
            )  # there is a next one to go to
        assert at == MAX_CARDS + 10


def test_the_skip_link_leads_to_the_images(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        settled(page, "document.querySelectorAll('.card').length > 0")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.wait_for_function("() => document.activeElement.closest('.card')")
