"""The `stack` fixture (a pytest plugin): a running viewer with both emulators behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local import resources
from tests.contract.viewer_rig import Stack, environment
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running("storage") as storage, running("pubsub") as pubsub_url:
        pubsub = pubsub_url.removeprefix("http://")
        resources.create_buckets(storage, notify=False)
        resources.create_topics(pubsub)
        with running("viewer", env=environment(storage, pubsub)) as viewer:
            yield Stack(viewer, storage, pubsub)
