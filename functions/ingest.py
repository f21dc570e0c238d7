"""Entry point: a finalized upload becomes image events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import boundary
from shared import bootstrap, config
from shared.core.events.storage_events import finalized_upload
from shared.pipeline.ingest import ingest as plan_and_publish

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def ingest(event: CloudEvent) -> None:
    """Publish the image events of one upload; other storage events are acknowledged unseen."""
    with boundary(event):
        upload = finalized_upload(event["type"], event.data)
        if upload is not None:
            plan_and_publish(
                upload,
                rules=bootstrap.rules(),
                settings=bootstrap.settings(),
                service=config.service_today(bootstrap.settings()),
                publisher=bootstrap.publisher(),
                tracer=bootstrap.tracer(),
            )
