"""The README's picture of the page: `python -m tests.browser.picture VIEWER_URL docs/images/viewer.jpg`.

It uploads the samples to the stack whose viewer that is, and waits for all results.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from infra.bench.browser import ARGUMENTS, CHROMIUM
from tests.browser.rig import opened

SIZE = (1280, 800)
_QUALITY = 85


def main(url: str, path: Path) -> None:
    """Take the picture."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        with opened(browser, url, size=SIZE) as page:
            page.locator("#empty .samples").click()
            page.wait_for_function("() => document.querySelectorAll('.card').length === 7")
            page.wait_for_function(
                "() => !document.querySelector('.card:is([data-state=waiting], [data-state=unplanned])')"
            )
            page.wait_for_function("() => [...document.querySelectorAll('.card img')].every(each => each.complete)")
            png = page.screenshot()
        browser.close()
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "JPEG", quality=_QUALITY, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
