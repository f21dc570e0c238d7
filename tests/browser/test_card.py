"""One card, of the page's own files, with no viewer behind it: what it says of an image's tasks can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.local.process import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGE = ROOT / "infra" / "viewer" / "page"
HOST = "http://card.invalid"
NARROWEST_PX = 264  # LEAST_PX of gallery.js
BUILD = """async ([tasks, width]) => {
    const { Card } = await import("/card.js");
    const image = { key: "k", name: "astronaut.jpg", state: "ok", preview: null, tasks, results: {} };
    const card = new Card(image, () => {});
    const cards = document.querySelector(".cards");
    const text = parseFloat(getComputedStyle(cards).getPropertyValue("--text-px"));
    cards.append(card.root);
    Object.assign(card.root.style, { width: `${width}px`, height: `${Math.round(width * 0.75) + text}px` });
    card.caption.textContent = "A person in front of a light grey and black background. ".repeat(3);
    const bottom = card.root.getBoundingClientRect().bottom;
    const lines = card.caption.getBoundingClientRect();
    return [...card.chips.children].map(chip => ({
        words: chip.textContent,
        whole: chip.scrollWidth <= chip.clientWidth && chip.getBoundingClientRect().bottom <= bottom,
        below: chip.getBoundingClientRect().top >= lines.bottom,
    }));
}"""


@pytest.mark.parametrize("tasks", [1, 4, 6])
def test_the_name_of_each_task_is_read_as_a_whole(browser: Browser, tasks: int) -> None:
    names = ["caption", "classify", "detect", "segment", "ask", "read"][:tasks]
    told: list[dict[str, Any]] = [{"task": name, "status": "ok", "items": [{}] * 8} for name in names]
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(f"{HOST}/*.*", lambda route: route.fulfill(path=PAGE / route.request.url.rpartition("/")[2]))
    blank = "<!doctype html><link rel=stylesheet href=/style.css><main><div class=cards></div></main>"
    context.route(f"{HOST}/", lambda route: route.fulfill(body=blank, content_type="text/html"))
    page = context.new_page()
    page.goto(f"{HOST}/")

    chips = page.evaluate(BUILD, [told, NARROWEST_PX])

    assert [chip["words"] for chip in chips] == [f"{name} 8" for name in names]
    assert [chip for chip in chips if not (chip["whole"] and chip["below"])] == []
    context.close()
