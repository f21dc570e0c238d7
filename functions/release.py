"""Entry point: a tick of the scheduler releases the held events whose time has come, and goes on with batch jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import boundary
from shared import bootstrap
from shared.pipeline.upkeep.batching import follow_batches
from shared.pipeline.upkeep.unpark import unpark_due

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def release(event: CloudEvent) -> None:
    """Publish held events again, and follow batch jobs; what the tick says does not matter."""
    with boundary(event):
        unpark_due(bootstrap.ports())
        batches = bootstrap.batch_ports()
        if batches is not None:
            follow_batches(batches)
