"""A browser for the tests of a file, and a viewer with both emulators behind it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from infra.bench.browser import ARGUMENTS, CHROMIUM, WHY_NOT
from infra.local import resources
from tests.contract.viewer_rig import Stack, environment
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


# Not for the whole session: Playwright keeps its event loop running in this thread until it ends, and whatever test the
# process runs next would find `asyncio.run` refused.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(WHY_NOT)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture(scope="module")
def emulators() -> Iterator[tuple[str, str]]:
    """The addresses of a storage emulator with the stack's buckets and of a Pub/Sub emulator with its topics."""
    with _emulators() as found:
        yield found


@pytest.fixture
def bare_viewer() -> Iterator[Stack]:
    """A viewer with nothing in it."""
    with _emulators() as found, running("viewer", env=environment(*found)) as url:
        yield Stack(url, *found)


@contextlib.contextmanager
def _emulators() -> Iterator[tuple[str, str]]:
    with running("storage") as storage, running("pubsub") as pubsub_url:
        pubsub = pubsub_url.removeprefix("http://")
        resources.create_buckets(storage, notify=False)
        resources.create_topics(pubsub)
        yield storage, pubsub


@pytest.fixture(scope="module")
def viewer(emulators: tuple[str, str]) -> Iterator[Stack]:
    """A viewer that starts after everything in the emulators was planted."""
    with running("viewer", env=environment(*emulators)) as url:
        yield Stack(url, *emulators)
