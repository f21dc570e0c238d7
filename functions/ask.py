"""Entry point: answer a question about one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from functions._boundary import work

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def ask(event: CloudEvent) -> None:
    """Answer a question about one image; returning acknowledges the event, raising asks for it again."""
    work(event, "ask")
