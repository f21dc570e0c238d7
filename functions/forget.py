"""Entry point: a deleted upload takes its results with it. Optional: subscribe it where results must not outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import boundary
from shared import bootstrap
from shared.core.events.storage_events import deleted_upload
from shared.pipeline.upkeep.forget import forget as remove_all

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def forget(event: CloudEvent) -> None:
    """Remove all that was made of a deleted upload; other storage events are acknowledged unseen."""
    with boundary(event):
        upload = deleted_upload(event["type"], event.data)
        if upload is not None:
            remove_all(upload, bootstrap.with_copies(bootstrap.ports()))
