"""The `Tracer` port on OpenTelemetry. Nobody imports this module, and with it the SDK, unless spans are wanted.

Exporters run in threads of the SDK: one that is away fills a queue, which then drops spans, and holds nothing up.
"""

from __future__ import annotations

import atexit
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import logs
from shared.core.delivery.shutdown import TRACES_S
from shared.core.errors import UplookError
from shared.core.events.arrivals import arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanContext

    from shared.core.events.arrivals import Arrival
    from shared.core.tracing import Attributes

QUEUE: Final = "wait in the queue"
_HEADERS: Final = ("traceparent", "tracestate")
_CONTEXT: Final = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class _Open:
    """A span that is open here; `failed` are those within it that failed, by name: a retry is linked to the last."""

    span: Span
    failed: dict[str, SpanContext] = field(default_factory=dict)


_open: ContextVar[_Open | None] = ContextVar("uplook_span", default=None)
_delivery: ContextVar[Span | None] = ContextVar("uplook_delivery", default=None)


class OpenTelemetryTracer:
    """Spans of one instance; `name` is that of its function. They go to `processors`, sampled as `OTEL_…` says."""

    def __init__(self, name: str, processors: Sequence[SpanProcessor], *, resource: Resource | None = None) -> None:
        self._name = name
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("uplook")
        self._stopping, self._stopped = threading.Event(), threading.Event()
        # Begun now: while an interpreter ends, no thread can be.
        threading.Thread(target=self._shut_down, name="tracing", daemon=True).start()

    @contextmanager
    def delivery(self, event: Any, header: Callable[[str], str | None], *, push: Any) -> Iterator[None]:
        """Open the span of a delivery, and tell how long its message has waited."""
        told = arrival(event.data, time=event.get("time"), push=push)
        request = _context({key: said for key in _HEADERS if (said := header(key))})
        message = _context(told.attributes)
        links = [Link(_of(request))] if message and request else []
        with self._span(self._name, SpanKind.CONSUMER, _arrived(told), links, parent=message or request) as span:
            token = _delivery.set(span)
            try:
                self._waited(told, message)
                yield
            finally:
                _delivery.reset(token)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Open the span of a step."""
        with self._span(name, SpanKind.INTERNAL, {}):
            yield

    @contextmanager
    def call(self, name: str, *, kind: SpanKind, attributes: Attributes) -> Iterator[None]:
        """Open the span of a call of a service."""
        with self._span(name, kind, attributes):
            yield

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the span that is open."""
        inside = _open.get()
        if inside is not None:
            inside.span.set_attributes(dict(attributes))

    def traceparent(self) -> str | None:
        """Return the span of this delivery as a W3C `traceparent`."""
        span = _delivery.get()
        return None if span is None else _carrier(span).get("traceparent")

    @staticmethod
    def carrier() -> dict[str, str]:
        """Return what a message takes along, so that whoever gets it goes on with the span that is open."""
        inside = _open.get()
        return {} if inside is None else _carrier(inside.span)

    def link(self, traceparent: str | None) -> None:
        """Link the span of this delivery to an earlier one of the same work."""
        span, earlier = _delivery.get(), _context({"traceparent": traceparent} if traceparent else {})
        if span is not None and earlier is not None:
            span.add_link(_of(earlier), {"uplook.link": "earlier delivery"})

    def stop(self, *, timeout_s: float) -> None:
        """Send what is left, and wait for it no longer than this."""
        self._stopping.set()
        self._stopped.wait(timeout_s)

    def _shut_down(self) -> None:
        self._stopping.wait()
        self._provider.shutdown()
        self._stopped.set()

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] = (),
        *,
        parent: Context | None = None,
    ) -> Iterator[Span]:
        outer = _open.get() if parent is None else None
        before = outer.failed.get(name) if outer else None
        retried = [Link(before, {"uplook.link": "retry"})] if before else []
        context = parent or (trace.set_span_in_context(outer.span) if outer else _nobody())
        span = self._tracer.start_span(name, context, kind, attributes, [*links, *retried])
        token = _open.set(_Open(span))
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", _kind_of(error))
            span.set_status(Status(StatusCode.ERROR))  # no description: texts of errors quote names and answers
            if outer:
                outer.failed[name] = span.get_span_context()
            raise
        finally:
            _open.reset(token)
            span.end()

    def _waited(self, told: Arrival, message: Context | None) -> None:
        """Tell of the time between publishing and this delivery, by the two clocks that there are."""
        now_ns = time.time_ns()
        if told.published_ns is None:
            return
        parent = message or trace.set_span_in_context(_open_span())
        begun_ns = min(told.published_ns, now_ns)
        self._tracer.start_span(QUEUE, parent, attributes=_arrived(told), start_time=begun_ns).end(now_ns)


def started(name: str, exporters: Sequence[str], *, version: str | None, project: str | None) -> OpenTelemetryTracer:
    """Return a tracer that sends to the exporters of these names, as the SDK's own variables say.

    One that cannot be made, for want of credentials, say, is left out and told: no event fails over it.
    """
    told = {"service.name": name, "faas.name": name, **({"faas.version": version} if version else {})}
    # What the environment says wins, as OpenTelemetry has it.
    resource = Resource.create(told).merge(OTELResourceDetector().detect())
    made = [exporter for each in exporters if (exporter := _exporter(each, project)) is not None]
    tracer = OpenTelemetryTracer(name, [BatchSpanProcessor(each) for each in made], resource=resource)
    atexit.register(tracer.stop, timeout_s=TRACES_S)
    return tracer


def _exporter(name: str, project: str | None) -> SpanExporter | None:
    options: dict[str, Any] = {}
    if name == "console":  # one line for each span, for Cloud Logging; by default there are thirty
        options["formatter"] = lambda span: f"{span.to_json(indent=None)}\n"
    if name == "gcp_trace":
        options["project_id"] = project
    try:
        [found] = entry_points(group="opentelemetry_traces_exporter", name=name)
        exporter: SpanExporter = found.load()(**options)
    except Exception as error:  # noqa: BLE001 - whatever a package raises
        logs.error("spans are not sent: their exporter could not be made", exporter=name, exception=error)
        return None
    return exporter


def _nobody() -> Context:
    return trace.set_span_in_context(trace.INVALID_SPAN)


def _open_span() -> Span:
    inside = _open.get()
    return trace.INVALID_SPAN if inside is None else inside.span


def _context(carrier: Mapping[str, str]) -> Context | None:
    """Return the trace that a message, a request or a lease names; None where it names none that is valid."""
    context = _CONTEXT.extract(dict(carrier), context=_nobody())
    return context if _of(context).is_valid else None


def _of(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()


def _carrier(span: Span) -> dict[str, str]:
    carrier = dict[str, str]()
    _CONTEXT.inject(carrier, trace.set_span_in_context(span))
    return carrier


def _kind_of(error: BaseException) -> str:
    """Return what kind of error this is, in one word: its code, or the class of what it came of."""
    cause = error if isinstance(error, UplookError) else error.__cause__ or error
    return str(getattr(cause, "code", None) or type(cause).__name__)


def _arrived(told: Arrival) -> dict[str, str | int]:
    """https://opentelemetry.io/docs/specs/semconv/messaging/gcp-pubsub/."""
    if told.message_id is None:
        return {}
    found: dict[str, str | int | None] = {
        "messaging.system": "gcp_pubsub",
        "messaging.operation.type": "process",
        "messaging.message.id": told.message_id,
        "messaging.destination.subscription.name": told.subscription,
        "messaging.gcp_pubsub.message.delivery_attempt": told.delivery_attempt,
    }
    return {key: value for key, value in found.items() if value is not None}
