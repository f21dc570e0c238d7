"""An upload becomes image events: one per task, published together. No byte of the image is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared import logs
from shared.core.events import storage_events
from shared.core.events.envelopes import format_image_event
from shared.core.planning.plan import plan
from shared.core.tracing import NO_TRACES

if TYPE_CHECKING:
    from shared.config import Settings
    from shared.core.events.envelopes import Upload
    from shared.core.gemini.service import Service
    from shared.core.planning.rules import Rules
    from shared.core.ports import Publisher
    from shared.core.tracing import Tracer


def ingest(
    upload: Upload,
    *,
    rules: Rules,
    settings: Settings,
    service: Service,
    publisher: Publisher,
    tracer: Tracer = NO_TRACES,
) -> None:
    """Plan the tasks of one upload and publish their events; what is left out is logged and counted.

    An event that nobody answers today is published like every other: its worker holds it, and says so.

    Raises:
        TransientError: the events were not stored; the same upload should be delivered again.
    """
    source = upload.source
    with logs.context(bucket=source.bucket, object=source.name, generation=str(source.generation)):
        if source.bucket not in settings.upload_buckets:
            logs.info("left out", reason="not an upload bucket")
            return
        own = storage_events.own_output(
            upload, results_bucket=settings.results_bucket, results_prefix=settings.results_prefix
        )
        if own is not None:
            logs.info("left out", reason=own)
            return
        with tracer.span("plan"):
            planned = plan(upload, rules, run=settings.run, service=service)
        for text in planned.warnings:
            logs.warning("ignored", reason=text)
        for task, reason in planned.held.items():
            logs.error("the image will be held: the model of a task does not answer", task=task, reason=reason)
        if planned.left_out is not None:
            logs.info("left out", reason=planned.left_out)
            return
        # How long it took is asked about what need not wait.
        events = [each if each.lane else replace(each, uploaded_at=upload.uploaded_at) for each in planned.events]
        publisher.publish(settings.image_topic, [format_image_event(event) for event in events])
        logs.info("planned", tasks=[task for event in planned.events for task in event.tasks])
