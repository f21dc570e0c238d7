"""A pipeline whose spans a test can look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.adapters.traced_ports import TracedModel, TracedPublisher
from shared.adapters.tracing import OpenTelemetryTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from tests.rig import Rig


class Spans:
    """What a rig's deliveries tell; `name` is that of the function."""

    def __init__(self, rig: Rig, name: str) -> None:
        self._kept = InMemorySpanExporter()
        self.tracer = OpenTelemetryTracer(name, [SimpleSpanProcessor(self._kept)])
        self.publisher = TracedPublisher(rig.publisher, self.tracer)
        model = TracedModel(rig.model, self.tracer, provider="gcp.gemini")
        rig.ports = replace(rig.ports, tracer=self.tracer, publisher=self.publisher, model=model)

    def taken(self) -> list[ReadableSpan]:
        """Return the spans that ended since the last time, in the order of their ends."""
        found = list(self._kept.get_finished_spans())
        self._kept.clear()
        return found


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    """Return the only span of a name."""
    (found,) = [each for each in spans if each.name == name]
    return found


def names(spans: list[ReadableSpan]) -> Counter[str]:
    """Return how often each name occurs."""
    return Counter(each.name for each in spans)


def trace_ids(spans: list[ReadableSpan]) -> set[int]:
    """Return the ids of all traces that these spans belong to."""
    return {context(each).trace_id for each in spans}


def context(span: ReadableSpan) -> SpanContext:
    """Return the ids of a span."""
    found = span.get_span_context()
    assert found is not None
    return found


def parents(spans: list[ReadableSpan]) -> dict[str, str | None]:
    """Return each span's name with that of its parent; None where that is not among them."""
    by_id = {context(each).span_id: each.name for each in spans}
    return {each.name: by_id.get(each.parent.span_id) if each.parent else None for each in spans}
