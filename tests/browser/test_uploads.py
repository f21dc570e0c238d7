"""Uploads in the browser: many files at once, a reload in the middle of them, what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.rig import card, drop, jpeg, opened
from tests.contract.viewer_rig import images
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog

    from tests.contract.viewer_rig import Stack

SIXTY = 60


def test_a_reload_in_the_middle_of_sixty_uploads_asks_first_and_loses_nothing_that_was_sent(
    browser: Browser, viewer: Stack
) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    with opened(browser, viewer.viewer) as page:
        page.on("dialog", leave)
        page.locator("#choose").focus()
        page.keyboard.press("Shift")  # a page asks only those who have touched it
        # The server takes its time, so that the reload comes in the middle of them.
        page.route("**/api/uploads?*", lambda route: route.continue_())
        drop(page, {f"sixty/{number:02}.jpg": jpeg((24, 24), seed=number) for number in range(SIXTY)})
        wait_until(lambda: images(viewer, q="")["matched"] >= 5, "some of the uploads")
        page.reload()
        page.wait_for_selector("#state[data-state=live]")
        assert asked == ["beforeunload"]
        known = images(viewer, q="")["matched"]
        assert 5 <= known <= SIXTY
        page.wait_for_function("() => document.querySelectorAll('#lines li').length >= 0")
        page.wait_for_function(
            "known => document.querySelector('#overview').textContent.includes(String(known))", arg=known
        )
        assert "No task was planned" not in page.locator("#cards").inner_text()


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
