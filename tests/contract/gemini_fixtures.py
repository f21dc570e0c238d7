"""The `url`, `control` and `client` fixtures (a pytest plugin): our Gemini emulator.

One emulator serves the tests of one module; each test finds its record of calls empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from infra.emulators import Control
from tests.contract.gemini_rig import connected
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.genai import Client


@pytest.fixture(scope="module")
def _gemini_url() -> Iterator[str]:
    with running("gemini") as address:
        yield address


@pytest.fixture
def url(_gemini_url: str) -> str:
    httpx2.post(f"{_gemini_url}/_control/reset", json={}, timeout=WAIT_S).raise_for_status()
    return _gemini_url


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    control = Control(url)
    yield control
    control.clear()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """Yield an unmodified client; what the test leaves behind there is deleted after it."""
    with connected(url) as connection:
        yield connection
        for job in connection.batches.list():
            connection.batches.delete(name=str(job.name))
        for file in connection.files.list():
            connection.files.delete(name=str(file.name))
