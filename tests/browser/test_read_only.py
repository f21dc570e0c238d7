"""The page of a deployment: it shows all there is, changes nothing, and keeps up without being told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from infra.bench.planted import Planted, plant
from infra.viewer.identity import ASSERTION
from tests.browser.access import serious, too_small
from tests.browser.rig import card, drop, look_at, opened
from tests.contract.iap_rig import Signer, served, signing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request

IMAGES = [
    Planted("older.jpg"),
    Planted("first.jpg", items=[("cat", (20, 20, 120, 120)), ("cup", (150, 130, 300, 220))], caption="A cat."),
    Planted("failed.jpg", status="failed"),
    Planted("lying.jpg", (300, 400), [("tower", (30, 40, 150, 240))], orientation=6),
]
NEWEST = len(IMAGES) - 1
CHANGING = ["#drop", "#choose", ".samples", "#actions", "#log", "#breaking", "#to-breaking"]


@pytest.fixture(scope="module", autouse=True)
def _planted(emulators: tuple[str, str]) -> None:
    plant(emulators[0], IMAGES)


@pytest.fixture(scope="module")
def service(emulators: tuple[str, str]) -> Iterator[tuple[str, Signer]]:
    with signing() as signer, served(signer, emulators[0], "--newest", str(NEWEST), "--every", "0.5") as address:
        yield address, signer


@contextmanager
def signed_in(browser: Browser, service: tuple[str, Signer], **how: Any) -> Iterator[tuple[Page, list[Request]]]:
    """Yield the page of somebody whom IAP has let in, and what of its requests was no mere reading."""
    address, signer = service
    with opened(browser, address, headers={ASSERTION: signer.sign()}, **how) as page:
        writing: list[Request] = []
        page.on("request", lambda request: writing.append(request) if request.method not in {"GET", "HEAD"} else None)
        yield page, writing


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["wide", "narrow"])
def test_it_shows_images_and_offers_nothing_that_would_change_them(
    browser: Browser, service: tuple[str, Signer], scheme: str, size: tuple[int, int]
) -> None:
    with signed_in(browser, service, scheme=scheme, size=size) as (page, writing):
        page.locator(".card").first.wait_for()
        assert page.locator("#overview").inner_text().startswith(f"the newest {NEWEST} of {len(IMAGES)} images")
        assert page.locator("#state").inner_text().startswith("as of ")
        assert (serious(page), too_small(page)) == ([], [])

        dialog = look_at(page, "first.jpg")
        page.wait_for_selector("#story li")
        assert dialog.locator("#large-words .caption").inner_text() == "A cat."
        assert dialog.locator("#downloads a").all_inner_texts()[0] == "Original"
        assert [where for where in CHANGING if any(each.is_visible() for each in page.locator(where).all())] == []
        assert (serious(page), too_small(page)) == ([], [])
        assert writing == []


def test_a_file_that_is_dropped_on_it_goes_nowhere(browser: Browser, service: tuple[str, Signer]) -> None:
    with signed_in(browser, service) as (page, writing):
        drop(page, {"dropped.jpg": b"no image"})
        page.get_by_role("searchbox").fill("first.jpg")
        page.wait_for_function("() => document.querySelectorAll('.card').length === 1")
        assert writing == []
        assert page.get_by_text("dropped.jpg").count() == 0


def test_what_comes_while_it_is_open_is_shown_without_any_event(
    browser: Browser, service: tuple[str, Signer], emulators: tuple[str, str]
) -> None:
    with signed_in(browser, service) as (page, _):
        plant(emulators[0], [Planted("later.jpg", caption="It came later.")])
        card(page, "later.jpg").wait_for()
