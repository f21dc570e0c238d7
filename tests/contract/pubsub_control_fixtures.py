"""The `emulator` fixture (a pytest plugin): our Pub/Sub emulator with its control API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.pubsub_control import Controlled, controlled

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def emulator() -> Iterator[Controlled]:
    """Yield an emulator for the tests of one module; every test makes its own topics."""
    with controlled() as started:
        yield started
