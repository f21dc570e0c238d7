"""Entry point: classify one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import work

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def classify(event: CloudEvent) -> None:
    """Classify one image, or tag it; returning acknowledges the event, raising asks for it again."""
    work(event, "classify")
