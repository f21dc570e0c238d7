"""Entry point: a finalized upload becomes image events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import boundary
from shared import bootstrap
from shared.core.envelopes import FINALIZED, parse_upload
from shared.pipeline.ingest import ingest as plan_and_publish

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def ingest(event: CloudEvent) -> None:
    """Publish the image events of one upload; other storage events are acknowledged unseen."""
    with boundary(event):
        if event["type"] == FINALIZED:
            plan_and_publish(
                parse_upload(event.data),
                rules=bootstrap.rules(),
                settings=bootstrap.settings(),
                publisher=bootstrap.publisher(),
            )
