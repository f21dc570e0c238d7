"""Uploads in the browser: many files at once, a reload in the middle of them, what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.bench.planted import jpeg
from tests.browser.rig import card, drop, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Route

    from tests.contract.viewer_rig import Stack

SIXTY, SENT = 60, 20


def test_a_reload_in_the_middle_of_sixty_uploads_asks_first_and_loses_nothing_that_was_sent(
    browser: Browser, viewer: Stack
) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    arrived: list[str] = []

    def let_some_through(route: Route) -> None:
        """Let twenty uploads through; the others are under way until the page is left."""
        arrived.append(route.request.url)
        if len(arrived) <= SENT:
            route.continue_()

    with opened(browser, viewer.viewer) as page:
        page.on("dialog", leave)
        page.route("**/api/uploads?*", let_some_through)
        page.locator("h1").click()  # only a page that was touched may ask
        drop(page, {f"sixty-{number:02}.jpg": jpeg((24, 24), seed=number) for number in range(SIXTY)})
        page.wait_for_function(
            "sent => document.querySelector('#uploading').textContent.startsWith(`Uploading ${sent + 1} of 60`)",
            arg=SENT,
        )
        page.reload()
        page.wait_for_selector("#state[data-state=live]")
        assert asked == ["beforeunload"]
        page.get_by_role("searchbox").fill("sixty-")
        page.wait_for_function(
            "sent => document.querySelector('#found').textContent.startsWith(`${sent} of`)", arg=SENT
        )
        page.wait_for_function(
            "() => document.querySelector('.card h2')?.textContent.startsWith('sixty-')"  # the list is of these by now
        )
        assert page.locator("#cards").get_by_text("No task was planned").count() == 0


def test_bytes_are_counted_and_what_was_refused_is_said(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        drop(page, {"fine.jpg": jpeg((24, 24)), "..": b"nobody can be called that"})
        page.wait_for_function("() => document.querySelector('#uploading').textContent === '1 of 2 uploaded'")
        assert "rename the file" in page.locator("#refused").inner_text()
        card(page, "fine.jpg").wait_for()


@pytest.mark.parametrize("chosen", [["caption"], []])
def test_what_is_asked_of_an_upload_travels_with_it(browser: Browser, viewer: Stack, chosen: list[str]) -> None:
    name = f"asked-{len(chosen)}.jpg"
    with opened(browser, viewer.viewer) as page:
        page.get_by_text("What to ask for").click()
        for task in chosen:
            page.locator("#tasks").get_by_label(task).check()
        page.locator("#labels").fill("cat, dog")
        page.locator("#question").fill("Whose is it?")
        drop(page, {name: jpeg((24, 24))})
        card(page, name).wait_for()
    expected = {"uplook-labels": "cat, dog", "uplook-question": "Whose is it?"}
    tasks = {"uplook-tasks": "caption,ask"} if chosen else {}
    assert viewer.bucket("uploads").get_blob(name).metadata == expected | tasks
