"""One image in the browser: where its boxes are, what can be shown and hidden, what the keys do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.bench.planted import Planted, plant, stored_box
from tests.browser.rig import card, look_at, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.contract.viewer_rig import Stack

EVIL = '<img src=x onerror="document.title=`owned`">'
HEIC = (Path(__file__).parents[1] / "images" / "plain.heic").read_bytes()
STANDING = Planted("standing.jpg", (300, 400), [("cat", (30, 40, 150, 240)), ("dog", (160, 50, 280, 390))])
LYING = Planted("lying.jpg", (300, 400), [("tower", (30, 40, 150, 240))], orientation=6)
HEIF = Planted("phone.heic", (64, 48), [("cup", (8, 16, 40, 44))], data=HEIC)
MANY = Planted(
    "many.jpg", (400, 300), [(f"{'cat' if at % 2 else EVIL}", (at * 40, 20, at * 40 + 35, 200)) for at in range(8)]
)
ALL = [STANDING, LYING, HEIF, MANY, Planted("broken.jpg", status="failed", data=b"no picture")]
NEAR_PX = 2


@pytest.fixture(scope="module", autouse=True)
def _planted(emulators: tuple[str, str]) -> None:
    plant(emulators[0], ALL)


def drawn(page: Page, at: int = 0) -> dict[str, float]:
    """Return where a box of the large view is, in pixels of the picture as it is uploaded in this frame."""
    found: dict[str, float] = page.evaluate(
        """at => {
            const shown = document.querySelectorAll("#large-frame .line")[at].getBoundingClientRect();
            const picture = document.querySelector("#large-frame img");
            const bounds = picture.getBoundingClientRect();
            const scale = picture.naturalWidth / bounds.width;
            return { x0: (shown.left - bounds.left) * scale, y0: (shown.top - bounds.top) * scale,
                     x1: (shown.right - bounds.left) * scale, y1: (shown.bottom - bounds.top) * scale,
                     width: picture.naturalWidth, height: picture.naturalHeight };
        }""",
        at,
    )
    return found


def loaded(page: Page) -> None:
    page.wait_for_function(
        "() => { const it = document.querySelector('#large-frame img'); return it.complete && it.naturalWidth; }"
    )
    page.wait_for_selector("#large-frame .line", state="attached")


@pytest.mark.parametrize("image", [STANDING, LYING, HEIF], ids=lambda each: each.name)
def test_boxes_lie_where_the_result_says(browser: Browser, viewer: Stack, image: Planted) -> None:
    with opened(browser, viewer.viewer) as page:
        look_at(page, image.name)
        loaded(page)
        found = drawn(page)
        assert (found["width"], found["height"]) == image.size
        assert [found[side] for side in ("x0", "y0", "x1", "y1")] == pytest.approx(image.items[0][1], abs=NEAR_PX)


def test_a_picture_that_lies_on_its_side_is_shown_as_it_is_stored(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        dialog = look_at(page, LYING.name)
        dialog.get_by_role("button", name="As stored").click()
        page.wait_for_function("() => document.querySelector('#large-frame img').naturalWidth === 400")
        found = drawn(page)
        expected = stored_box(LYING.items[0][1], LYING)
        assert [found[side] for side in ("x0", "y0", "x1", "y1")] == pytest.approx(expected, abs=NEAR_PX)
        # The mask has turned with it: its empty corner, upper right when upright, is the upper left one.
        assert (alpha(page, 0, 0.9, 0.8) > 0, alpha(page, 0, 0.1, 0.2)) == (True, 0)


def alpha(page: Page, item: int, across: float, down: float) -> int:
    """Return how opaque a mask is at a place of its box."""
    page.wait_for_selector(f'#large-frame canvas[data-item="{item}"][data-drawn]', state="attached")
    found: int = page.evaluate(
        """([item, x, y]) => {
            const it = document.querySelector(`#large-frame canvas[data-item="${item}"]`);
            return it.getContext("2d").getImageData(Math.floor(x * it.width), Math.floor(y * it.height), 1, 1).data[3];
        }""",
        [item, across, down],
    )
    return found


def test_a_mask_fills_what_it_fills(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        look_at(page, STANDING.name)
        assert (alpha(page, 0, 0.1, 0.8) > 0, alpha(page, 0, 0.8, 0.1)) == (True, 0)


def items(dialog: Locator) -> Locator:
    return dialog.locator(".items li")


def test_things_are_hidden_one_by_one_and_by_label(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        dialog = look_at(page, MANY.name)
        loaded(page)
        assert items(dialog).count() == page.locator("#large-frame .line").count() == 8
        items(dialog).nth(1).get_by_role("checkbox").uncheck()
        assert page.locator("#large-frame .line").count() == 7
        dialog.get_by_role("button", name="cat 4").click()
        assert page.locator("#large-frame .line").count() == 4
        dialog.get_by_role("button", name="all 8").click()
        assert page.locator("#large-frame .line").count() == 0
        dialog.get_by_role("button", name="all 8").click()
        assert page.locator("#large-frame .line").count() == 8


def test_pointing_at_a_thing_marks_its_row_and_the_other_way_round(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        dialog = look_at(page, STANDING.name)
        loaded(page)
        alpha(page, 1, 0.1, 0.9)
        bounds = page.locator("#large-frame").bounding_box()
        assert bounds is not None
        x, y = (170 / 300, 380 / 400)
        page.mouse.move(bounds["x"] + x * bounds["width"], bounds["y"] + y * bounds["height"])
        assert items(dialog).nth(1).evaluate("it => it.classList.contains('on')")
        items(dialog).nth(0).get_by_role("button").hover()
        assert page.locator("#large-frame g.on").evaluate_all("all => all.map(each => each.dataset.item)") == ["0"]


def test_keys_zoom_turn_the_pages_and_close(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        names = page.locator(".card h2").all_inner_texts()
        page.locator(".card button.stage").first.focus()
        page.keyboard.press("Enter")
        title = page.locator("#large-title")
        page.wait_for_function("name => document.querySelector('#large-title').textContent === name", arg=names[0])
        for key, expected in (("ArrowRight", names[1]), ("ArrowRight", names[2]), ("ArrowLeft", names[1])):
            page.keyboard.press(key)
            page.wait_for_function("name => document.querySelector('#large-title').textContent === name", arg=expected)
        loaded(page)
        before = page.locator("#large-frame").bounding_box()
        page.keyboard.press("+")
        after = page.locator("#large-frame").bounding_box()
        assert before
        assert after
        assert after["width"] == pytest.approx(1.4 * before["width"], rel=0.01)
        page.keyboard.press("0")
        assert page.locator("#large-scale").inner_text() == "100 %"
        page.keyboard.press("Escape")
        page.wait_for_selector("#large", state="hidden")
        assert title.is_hidden()
        page.wait_for_function(  # the dialog tells that it is closed in a task of its own
            "name => document.activeElement.closest('.card')?.querySelector('h2').textContent === name", arg=names[1]
        )


def test_the_wheel_zooms_where_it_points_and_boxes_stay_where_they_belong(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        look_at(page, STANDING.name)
        loaded(page)
        bounds = page.locator("#large-frame").bounding_box()
        assert bounds
        at = (bounds["x"] + bounds["width"] / 4, bounds["y"] + bounds["height"] / 4)
        page.mouse.move(*at)
        page.mouse.wheel(0, -600)
        page.wait_for_function("() => parseInt(document.querySelector('#large-scale').textContent) > 300")
        zoomed = page.locator("#large-frame").bounding_box()
        assert zoomed
        shares = ((at[0] - zoomed["x"]) / zoomed["width"], (at[1] - zoomed["y"]) / zoomed["height"])
        assert shares == pytest.approx((1 / 4, 1 / 4), abs=0.01)
        found = drawn(page)
        assert [found[side] for side in ("x0", "y0", "x1", "y1")] == pytest.approx(STANDING.items[0][1], abs=NEAR_PX)


def test_a_label_with_markup_stays_text(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        dialog = look_at(page, MANY.name)
        assert EVIL in items(dialog).nth(0).inner_text()
        assert page.locator(".large-side img, .layer img, #filters img").count() == 0
        assert page.title() == "Uplook"
        assert page.locator("select[name=label] option", has_text=EVIL).count() == 1


def test_the_document_is_shown_in_place_and_everything_can_be_taken_away(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        dialog = look_at(page, STANDING.name)
        dialog.get_by_text("The result document (JSON)").click()
        page.wait_for_function("() => document.querySelector('#json-text').textContent.includes('box_px')")
        shown: Any = json.loads(dialog.locator("#json-text").inner_text())
        assert shown["source"]["name"] == STANDING.name
        saved = {}
        for link in ("Original", "Masks and documents (ZIP)", "COCO (JSON)"):
            with page.expect_download() as waiting:
                dialog.get_by_role("link", name=link).click()
            saved[link] = Path(waiting.value.path()).read_bytes()
        assert saved["Original"].startswith(b"\xff\xd8")
        assert saved["Masks and documents (ZIP)"].startswith(b"PK")
        assert [each["bbox"] for each in json.loads(saved["COCO (JSON)"])["annotations"]] == [
            [30, 40, 120, 200],
            [160, 50, 120, 340],
        ]


def test_a_file_that_is_no_picture_says_so_instead(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        assert "The file is broken." in card(page, "broken.jpg").inner_text()
        dialog = look_at(page, "broken.jpg")
        page.wait_for_function("() => document.querySelector('#large-missing').textContent.includes('No preview.')")
        assert "segment failed" in dialog.locator(".problems").inner_text()


def test_an_image_has_an_address_of_its_own(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer) as page:
        look_at(page, LYING.name)
        page.reload()
        page.wait_for_function("name => document.querySelector('#large-title').textContent === name", arg=LYING.name)


def test_a_telephone_shows_picture_and_words(browser: Browser, viewer: Stack) -> None:
    with opened(browser, viewer.viewer, size=(390, 844)) as page:
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
        dialog = look_at(page, STANDING.name)
        loaded(page)
        assert dialog.evaluate("it => it.scrollWidth") <= 390
        frame, side = (page.locator(each).bounding_box() for each in ("#large-frame", ".large-side"))
        assert frame
        assert side
        assert side["y"] >= frame["y"] + frame["height"]
        assert side["height"] > 150
