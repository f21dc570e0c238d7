"""The page of the local stack in Chromium: until something is seen of it, and until the first images are."""

from __future__ import annotations

import atexit
import functools
import http.server
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import requests
from playwright.sync_api import sync_playwright

from infra.bench.browser import ARGUMENTS, CHROMIUM
from infra.bench.planted import Planted, plant
from infra.local import resources
from infra.local.endpoints import Endpoints
from infra.local.process import Process, service_argv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from playwright.sync_api import Page

    from infra.bench.model import Facts, Work

_START_TIMEOUT_S = 300.0
_ITEMS: Final = [("cat", (20, 20, 120, 120)), ("cup", (150, 60, 300, 220))]
_FIRST_PAINT: Final = """() => new Promise(resolve => new PerformanceObserver(list => {
    const found = list.getEntriesByName("first-contentful-paint")[0];
    if (found) resolve(found.startTime);
}).observe({ type: "paint", buffered: true }))"""
_SENT: Final = """() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
    .filter(each => !/api.(preview|objects)/.test(each.name)).reduce((sum, each) => sum + each.transferSize, 0)"""


def empty(_folder: Path, _: str) -> Work:
    """Show one word."""
    return functools.partial(_painted, _page(), _serving_a_word())


def paint(_folder: Path, images: str) -> Work:
    """Show anything of the page of a stack with so many images."""
    return functools.partial(_painted, _page(), _viewer(int(images)))


def cards(_folder: Path, images: str) -> Work:
    """Show the first of so many images."""
    page, url = _page(), _viewer(int(images))

    def work() -> Facts:
        page.goto(url, wait_until="commit")
        page.wait_for_selector(".card h2")
        now_ms = page.evaluate("() => performance.now()")
        return {"since_start_ms": round(now_ms), "sent_kb": round(page.evaluate(_SENT) / 1000)}

    return work


def _painted(page: Page, url: str) -> Facts:
    page.goto(url, wait_until="commit")
    return {"first_contentful_paint_ms": round(page.evaluate(_FIRST_PAINT))}


def _page() -> Page:
    """Return a blank page of a browser that ends with this process; it has loaded nothing yet."""
    driver = sync_playwright().start()
    atexit.register(driver.stop)
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
    atexit.register(browser.close)
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(_START_TIMEOUT_S * 1000)
    page.set_content("<p>warm</p>")  # the first page of a browser pays for the browser
    return page


def _viewer(images: int) -> str:
    """Return the address of a viewer that has read so many images."""
    storage = _service("storage")
    pubsub = _service("pubsub").removeprefix("http://")
    resources.create_buckets(storage, notify=False)
    resources.create_topics(pubsub)
    plant(storage, (Planted(f"shelf/{number:04}.jpg", items=_ITEMS, masks=False) for number in range(images)))
    url = _service("viewer", env=Endpoints(storage, pubsub, None).client_env())
    _read_all(url, images)
    return url


def _service(name: str, *, env: Mapping[str, str] | None = None) -> str:
    child = Process(name, service_argv(name, "--port", "0"), env={**os.environ, **(env or {})})
    atexit.register(child.stop)
    return child.wait_ready(timeout_s=_START_TIMEOUT_S)


def _read_all(url: str, images: int) -> None:
    """Wait until the viewer has told a page that everything is read."""
    with requests.get(f"{url}/api/events", stream=True, timeout=_START_TIMEOUT_S) as events:
        next(line for line in events.iter_lines(chunk_size=1) if line == b"event: ready")
    known: Any = requests.get(f"{url}/api/images", params={"limit": "1"}, timeout=_START_TIMEOUT_S).json()
    if known["overview"]["states"]["done"] != images:
        raise RuntimeError(f"Expected {images} finished images, found {known['overview']}.")


def _serving_a_word() -> str:
    class Word(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>empty</title><p>empty</p>")

        def log_message(self, *_: object) -> None:
            """Say nothing: the last line of the output is the measurement."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Word)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
