"""The `storage` fixture (a pytest plugin): a running emulator, and a fresh bucket for each test.

With STORAGE_EMULATOR_HOST set, every test that needs no control API runs a second time, against the server given there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.storage_deviations import OURS_ONLY, mark
from tests.contract.storage_rig import GIVEN_DEVIATIONS, GIVEN_URL, Rig, rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on both servers what both can do."""
    names = metafunc.fixturenames
    ours_only = "control" in names or metafunc.definition.originalname in OURS_ONLY
    if GIVEN_URL and "_storage_url" in names and not ours_only:
        metafunc.parametrize("_storage_url", ["ours", "given"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def _storage_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if getattr(request, "param", "ours") == "given":
        yield GIVEN_URL
        return
    with running("storage") as url:
        yield url


@pytest.fixture
def storage(request: pytest.FixtureRequest, _storage_url: str) -> Iterator[Rig]:
    if _storage_url == GIVEN_URL:
        mark(request, GIVEN_DEVIATIONS)
    with rig(_storage_url) as one:
        yield one
