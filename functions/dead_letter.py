"""Entry point: whatever Pub/Sub gave up on gets an error result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import boundary
from shared import bootstrap
from shared.core.events.envelopes import pubsub_message
from shared.pipeline.upkeep.dead_letter import record_dead_letter

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def dead_letter(event: CloudEvent) -> None:
    """Record one dead-lettered message."""
    with boundary(event):
        record_dead_letter(pubsub_message(event.data), bootstrap.ports())
