"""Uploads that arrive while somebody looks: the list stays where it is, and at its beginning it shows what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.bench.planted import Planted, jpeg, plant
from tests.browser.rig import opened
from tests.contract.viewer_rig import upload

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.contract.viewer_rig import Stack

THERE, NEW = 60, 7  # of seven, none fills whole rows alone
FIRST_SEEN = """() => {
    const seen = [...document.querySelectorAll(".card")]
        .map(card => ({ name: card.querySelector("h2").textContent, top: card.getBoundingClientRect().top }))
        .filter(({ top }) => top >= 0 && top < innerHeight)
        .sort((one, other) => one.top - other.top);
    return seen[0];
}"""
TOP_OF = """name => [...document.querySelectorAll(".card")]
    .find(card => card.querySelector("h2").textContent === name)?.getBoundingClientRect().top"""


def arrived(page: Page, count: int) -> None:
    page.wait_for_function("text => document.querySelector('#overview').textContent.startsWith(text)", arg=f"{count} ")
    page.wait_for_function(
        "count => [...document.querySelectorAll('.card')].every(it => it.getAttribute('aria-setsize') === count)",
        arg=str(count),
    )


@pytest.mark.parametrize("one_by_one", [True, False], ids=["one by one", "as they come"])
def test_what_is_looked_at_stays_where_it_is_while_uploads_arrive(
    browser: Browser, bare_viewer: Stack, one_by_one: bool
) -> None:
    plant(bare_viewer.storage, [Planted(f"there-{number:02}.jpg") for number in range(THERE)])
    with opened(browser, bare_viewer.viewer) as page:
        arrived(page, THERE)
        page.evaluate("() => scrollTo(0, document.body.scrollHeight / 2)")
        page.wait_for_function(FIRST_SEEN)
        seen: dict[str, Any] = page.evaluate(FIRST_SEEN)
        for number in range(NEW):
            upload(bare_viewer, f"new-{number}.jpg", jpeg((24, 24), seed=number))
            if one_by_one:
                arrived(page, THERE + number + 1)
        arrived(page, THERE + NEW)
        assert abs(page.evaluate(TOP_OF, seen["name"]) - seen["top"]) <= 1


def test_at_its_beginning_the_list_shows_what_is_new(browser: Browser, bare_viewer: Stack) -> None:
    plant(bare_viewer.storage, [Planted(f"there-{number}.jpg") for number in range(9)])
    with opened(browser, bare_viewer.viewer, size=(390, 844)) as page:  # one column: each upload moves all others
        arrived(page, 9)
        upload(bare_viewer, "new.jpg", jpeg((24, 24)))
        page.wait_for_function("() => document.querySelector('.card h2').textContent === 'new.jpg'")
        assert page.evaluate("() => scrollY") == 0
