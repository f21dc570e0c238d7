"""The `storage` fixture (a pytest plugin): a running emulator, and a fresh bucket for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.storage_rig import Rig, rig
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _storage_url() -> Iterator[str]:
    with running("storage") as url:
        yield url


@pytest.fixture
def storage(_storage_url: str) -> Iterator[Rig]:
    with rig(_storage_url) as one:
        yield one
