"""The whole local stack behind the page: files are dropped, results arrive, things break and mend themselves."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from PIL import Image
from skimage import data

from infra.local import resources
from infra.local.breakable import PREFIX
from infra.local.viewer.faults import OFFERS
from tests.browser.access import serious, too_small
from tests.browser.rig import card, drop, look_at, opened
from tests.browser.whole_stack import started
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from infra.local.endpoints import Endpoints

HEIC = Path(__file__).parents[2] / "infra" / "local" / "demo" / "samples" / "coffee.heic"


@pytest.fixture(scope="module")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """A stack whose leases are short, so that a dead worker's work goes on soon. Without a browser there is none."""
    assert browser
    with started(tmp_path_factory.mktemp("stack"), {"TIMEOUT_S": "40", "LEASE_TTL_S": "45"}) as endpoints:
        yield endpoints


def jpeg(pixels: object, *, orientation: int = 1) -> bytes:
    made = io.BytesIO()
    picture = Image.fromarray(pixels)  # type: ignore[arg-type]
    picture.thumbnail((240, 240))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(made, "JPEG", exif=exif)
    return made.getvalue()


def wait_for_state(page: Page, name: str, *states: str) -> None:
    wanted = " ".join(states)
    page.wait_for_function(
        """([name, states]) => [...document.querySelectorAll(".card")].some(card =>
            card.querySelector("h2").textContent === name && states.split(" ").includes(card.dataset.state))""",
        arg=[name, wanted],
    )


def test_three_photographs_and_a_poison_file(browser: Browser, stack: Endpoints) -> None:
    files = {
        "astronaut.jpg": jpeg(data.astronaut()),
        "sideways.jpg": jpeg(data.rocket(), orientation=6),
        "coffee.heic": HEIC.read_bytes(),
        "poison.jpg": b"This is a shopping list: apples, bread, two lemons.",
    }
    with opened(browser, str(stack.viewer)) as page:
        drop(page, files)
        for name in files:
            wait_for_state(page, name, "failed" if name == "poison.jpg" else "done")
        assert "plain text" in card(page, "poison.jpg").inner_text()
        dialog = look_at(page, "sideways.jpg")
        story = dialog.locator("#story")
        page.wait_for_function("() => document.querySelectorAll('#story li').length > 8")
        wanted = ("uploaded", "planned", "answered", "announced", "acknowledged")
        for kind in wanted:
            page.wait_for_selector(f"#story li[data-kind={kind}]")
        kinds = story.locator("li").evaluate_all("all => all.map(each => each.dataset.kind)")
        first = {kind: kinds.index(kind) for kind in wanted}
        assert first["uploaded"] < first["planned"] < first["answered"] < first["announced"]
        assert "sent inline" in story.inner_text()
        assert "dollars)" in story.inner_text()  # a local answer never looks paid
        page.reload()
        page.wait_for_selector("#story li[data-kind=announced]")
        page.wait_for_selector("#lines li", state="attached")


FAULTS = {each.name: each for each in OFFERS}


def break_it(page: Page, name: str) -> None:
    """Press a button, and open the story of the sample that it happens to."""
    page.get_by_role("button", name="Break it", exact=True).click()
    page.get_by_role("button", name=FAULTS[name].title).click()
    page.get_by_role("button", name="Watch its story").click()
    page.wait_for_selector("#story li")


def story_says(page: Page, *texts: str) -> None:
    page.wait_for_function(
        "texts => texts.every(text => document.querySelector('#story').innerText.includes(text))", arg=list(texts)
    )


def done(page: Page) -> None:
    """Wait for caption, detect and segment of the image that is looked at: one result event each."""
    story_says(page, *(f"{task}: result event: ok" for task in ("caption", "detect", "segment")))


def acknowledged(page: Page, task: str, *, times: int = 1) -> None:
    """Wait until so many deliveries have ended well: then the story has all that the function logged about them.

    A result event takes another way to the page than a function's log, and may be there long before its lines.
    """
    page.wait_for_function(
        """([task, times]) => [...document.querySelectorAll("#story li[data-kind=acknowledged]")]
            .filter(it => it.innerText.includes(`${task} answered`)).length >= times""",
        arg=[task, times],
    )


def events(page: Page, text: str) -> int:
    found: int = page.evaluate(
        "text => [...document.querySelectorAll('#story li')].filter(it => it.innerText.includes(text)).length", text
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_buttons_keep_nobody_out(browser: Browser, stack: Endpoints, scheme: str) -> None:
    with opened(browser, str(stack.viewer), size=(390, 844), scheme=scheme) as page:
        page.get_by_role("button", name="Break it", exact=True).click()
        page.wait_for_function("() => document.activeElement.matches('#breaking summary')")
        assert page.locator("#faults button").count() == len(FAULTS)
        assert (serious(page), too_small(page)) == ([], [])


def test_an_event_that_comes_three_times_is_answered_once(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        break_it(page, "duplicate")
        done(page)
        acknowledged(page, "caption", times=3)
        assert events(page, "delivered to caption") >= 3
        assert events(page, "caption: the model is asked") == 1


def test_a_busy_model_is_asked_again_after_the_pause_that_it_names(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        break_it(page, "busy")
        story_says(page, "a call failed and is tried again", "429")
        done(page)


def test_a_lost_answer_of_storage_makes_no_second_result(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        break_it(page, "storage")
        done(page)
        acknowledged(page, "caption")
        assert events(page, "caption: result event: ok") == 1


def test_a_used_up_day_holds_the_work_until_it_is_let_go_on(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        break_it(page, "quota")
        story_says(page, "caption: result event: held", "segment: result event: held")
        page.keyboard.press("Escape")
        page.get_by_role("button", name=FAULTS["release"].title).click()
        page.wait_for_function("() => document.querySelector('#broken').textContent.includes('events released')")
        page.wait_for_function("() => !document.querySelector('#overview').textContent.includes('held')")


def test_a_used_up_ceiling_holds_its_own_images_alone_until_it_is_new(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        break_it(page, "ceiling")
        story_says(page, "caption: result event: held", "segment: result event: held")
        assert "the model is asked" not in page.locator("#story").inner_text()
        page.keyboard.press("Escape")
        drop(page, {"elsewhere.jpg": jpeg(data.coffee())})
        page.get_by_role("searchbox").fill("elsewhere")
        wait_for_state(page, "elsewhere.jpg", "done")
        page.get_by_role("button", name=FAULTS["release"].title).click()
        page.wait_for_function("() => document.querySelector('#broken').textContent.includes('events released')")
        page.get_by_role("searchbox").fill(PREFIX)
        wait_for_state(page, "coffee.heic", "done")


def test_a_killed_worker_is_replaced_and_every_result_arrives_once(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        drop(page, {f"ten-{number}.jpg": jpeg(data.coffee()[number:, :]) for number in range(10)})
        break_it(page, "kill")
        story_says(page, "for the 2nd time")
        done(page)
    wait_until(lambda: states_of(stack, "ten-") == {"done": 10}, "ten finished images")
    results = resources.storage_client(stack.storage).list_blobs("results")
    names = [blob.name for blob in results if "ten-" in blob.name and blob.name.endswith(".json")]
    assert len(names) == len(set(names)) == 30


def states_of(stack: Endpoints, text: str) -> dict[str, int]:
    answer = requests.get(f"{stack.viewer}/api/images", params={"q": text, "limit": "100"}, timeout=WAIT_S)
    return dict(Counter(each["state"] for each in answer.json()["images"]))


def test_a_second_run_is_a_click_away(browser: Browser, stack: Endpoints) -> None:
    with opened(browser, str(stack.viewer)) as page:
        drop(page, {"clicked.jpg": jpeg(data.coffee())})
        wait_for_state(page, "clicked.jpg", "done")
        dialog = look_at(page, "clicked.jpg")
        dialog.get_by_role("button", name="Run again").click()
        page.wait_for_function("() => document.querySelector('#large-said').textContent.includes('again-1')")
        page.keyboard.press("Escape")
        wait_until(lambda: sum(states_of(stack, "clicked.jpg").values()) == 2, "a record of the second run")
