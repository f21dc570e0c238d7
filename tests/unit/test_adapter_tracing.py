"""The tracer on OpenTelemetry: links, parents, and exporters that are away."""

from __future__ import annotations

import contextlib
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, messaging_attributes

from shared.adapters import traced_ports, tracing
from shared.adapters.tracing import OpenTelemetryTracer
from shared.core.errors import ErrorCode, TransientError
from shared.core.events.arrivals import Arrival, arrival
from shared.core.ports import Message
from shared.core.tracing import NO_TRACES, step
from tests.canary import KEY
from tests.rig import Rig
from tests.traced import Spans, context, named, names
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan


class _Event(dict[str, Any]):
    """A CloudEvent: attributes by name, and data."""

    data: Any = None


def _no_header(_: str) -> None:
    return None


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


class _Hangs(SpanExporter):
    """An exporter whose service takes a request and never answers."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the SDK's
        self.begun.set()
        self.let_go.wait(WAIT_S)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.let_go.set()


class _Fails(_Hangs):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the SDK's
        self.begun.set()
        raise OSError("nobody listens")


def test_an_exporter_that_hangs_holds_up_neither_an_event_nor_the_end_of_the_process() -> None:
    exporter = _Hangs()
    processor = BatchSpanProcessor(exporter, max_queue_size=4, max_export_batch_size=2, schedule_delay_millis=1)
    tracer = OpenTelemetryTracer("caption", [processor])
    ended = threading.Event()

    def work() -> None:
        for _ in range(50):
            with tracer.delivery(_Event(), _no_header, push=None), tracer.span("lease"):
                pass
        ended.set()

    threading.Thread(target=work, daemon=True).start()

    assert ended.wait(WAIT_S)
    assert exporter.begun.wait(WAIT_S)
    tracer.stop(timeout_s=0.05)
    assert not exporter.let_go.is_set()  # it still hangs, and nobody has waited for it
    exporter.let_go.set()


def test_an_exporter_that_fails_fails_no_event(caplog: pytest.LogCaptureFixture) -> None:
    exporter = _Fails()
    tracer = OpenTelemetryTracer("caption", [BatchSpanProcessor(exporter)])

    with tracer.delivery(_Event(), _no_header, push=None):
        pass
    tracer.stop(timeout_s=WAIT_S)

    assert exporter.begun.is_set()
    assert "Exception while exporting Span" in caplog.text


def test_the_last_spans_are_sent_before_the_end() -> None:
    sent = list[str]()

    class Keeps(_Hangs):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            sent.extend(span.name for span in spans)
            return SpanExportResult.SUCCESS

    tracer = OpenTelemetryTracer("caption", [BatchSpanProcessor(Keeps(), schedule_delay_millis=WAIT_S * 1000)])
    with tracer.delivery(_Event(), _no_header, push=None):
        pass

    tracer.stop(timeout_s=WAIT_S)

    assert sent == ["caption"]


@pytest.mark.parametrize("name", ["gcp_trace", "console"])
def test_an_exporter_that_cannot_be_made_is_told_and_fails_no_event(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def refuse(**_: Any) -> None:
        raise LookupError("no credentials were found")

    found = SimpleNamespace(load=lambda: refuse)
    monkeypatch.setattr(tracing, "entry_points", lambda **_: [found])

    tracer = tracing.started("caption", [name], version=None, project="p")
    with tracer.delivery(_Event(), _no_header, push=None):
        assert tracer.traceparent() is not None
    tracer.stop(timeout_s=WAIT_S)

    assert "spans are not sent: their exporter could not be made" in caplog.text


def test_what_the_environment_calls_the_service_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "entry_points", lambda **_: [SimpleNamespace(load=lambda: lambda **_: kept)])
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")

    tracer = tracing.started("uplook-caption", ["console"], version="r-1", project=None)
    with tracer.delivery(_Event(), _no_header, push=None):
        pass
    tracer._provider.force_flush()

    (span,) = kept.get_finished_spans()
    told = span.resource.attributes
    assert (told["service.name"], told["faas.name"], told["faas.version"]) == ("mine", "uplook-caption", "r-1")


@pytest.mark.parametrize(
    "traceparent", ["", "00", "no", f"00-{'0' * 32}-{'0' * 16}-01", f"ff-{'a' * 32}-{'b' * 16}-01", "é" * 55]
)
def test_a_damaged_traceparent_begins_a_new_trace_and_does_no_harm(traceparent: str) -> None:
    spans = Spans(Rig(), "caption")
    event = _Event()
    event.data = {"message": {"attributes": {"traceparent": traceparent}}}

    with spans.tracer.delivery(event, lambda _: traceparent, push=None):
        spans.tracer.link(traceparent)

    span = named(spans.taken(), "caption")
    assert (span.parent, list(span.links)) == (None, [])


def test_a_delivery_does_not_go_on_with_whatever_another_library_has_open() -> None:
    """Google's clients make spans of their own where they are told to: none of those is above ours."""
    spans = Spans(Rig(), "caption")
    with spans.tracer._tracer.start_as_current_span("foreign"), spans.tracer.delivery(_Event(), _no_header, push=None):
        pass

    assert named(spans.taken(), "caption").parent is None


def test_only_a_step_that_failed_is_linked_to_its_retry() -> None:
    spans = Spans(Rig(), "caption")
    with spans.tracer.delivery(_Event(), _no_header, push=None):
        for error in (None, TransientError("away"), None):
            with contextlib.suppress(TransientError), spans.tracer.span("journal"):
                _raise(error)

    first, second, third = [each for each in spans.taken() if each.name == "journal"]
    assert [len(each.links) for each in (first, second, third)] == [0, 0, 1]
    assert third.links[0].context.span_id == context(second).span_id


def test_outside_of_a_delivery_nothing_is_linked_or_noted() -> None:
    spans = Spans(Rig(), "caption")

    spans.tracer.note({"uplook.status": "ok"})
    spans.tracer.link(f"00-{'a' * 32}-{'b' * 16}-01")

    assert spans.tracer.traceparent() is None
    assert spans.tracer.carrier() == {}


def test_messages_of_one_publication_share_a_span_and_keep_their_attributes() -> None:
    rig = Rig()
    spans = Spans(rig, "release")
    messages = [Message(b'{"schema": "x"}', {"task": "caption"}), Message(b'{"schema": "x"}', {"task": "detect"})]
    sent = list[Message]()

    class Keeps:
        def publish(self, topic: str, messages: Sequence[Message]) -> None:  # noqa: ARG002 - the port
            sent.extend(messages)

    with spans.tracer.delivery(_Event(), _no_header, push=None):
        traced_ports.TracedPublisher(Keeps(), spans.tracer).publish("projects/p/topics/image-events", messages)

    span = context(named(spans.taken(), "send image-events"))
    expected = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    assert [each.attributes for each in sent] == [
        {"task": "caption", "traceparent": expected},
        {"task": "detect", "traceparent": expected},
    ]
    assert [dict(each.attributes) for each in messages] == [{"task": "caption"}, {"task": "detect"}]


def test_names_of_attributes_are_those_of_the_semantic_conventions() -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if isinstance(value, str) and name.isupper()}
    known |= {value for name, value in vars(messaging_attributes).items() if isinstance(value, str) and name.isupper()}
    rig = Rig(answer=None)
    spans = Spans(rig, "caption")
    from shared.pipeline.worker.analyze import analyze

    with spans.tracer.delivery(_Event(), _no_header, push=None):
        analyze(rig.upload(task="caption"), rig.ports)

    used = {name for span in spans.taken() for name in span.attributes or {} if not name.startswith("uplook.")}
    assert used > {"gen_ai.request.model", "messaging.system"}
    assert used - known == set()


@pytest.mark.parametrize(
    ("data", "time", "push", "expected"),
    [
        (None, None, None, Arrival()),
        ("text", "yesterday", [1], Arrival()),
        ({"message": 3}, "2026-11-21T09:00:00", {"deliveryAttempt": True, "subscription": 4}, Arrival()),
        ({"message": {"attributes": {"a": 1, "b": "c"}}}, None, None, Arrival(attributes={"b": "c"})),
        (
            {"message": {"publishTime": "1970-01-01T00:00:02.5Z", "messageId": "7"}},
            "1970-01-01T00:00:09Z",
            {"deliveryAttempt": 3, "subscription": "projects/p/subscriptions/s"},
            Arrival({}, 2_500_000_000, "7", "projects/p/subscriptions/s", 3),
        ),
    ],
)
def test_a_delivery_is_read_whatever_it_holds(data: Any, time: Any, push: Any, expected: Arrival) -> None:
    assert arrival(data, time=time, push=push) == expected


def test_a_step_needs_its_ports_by_their_place() -> None:
    with pytest.raises(TypeError, match="claim: expected a positional parameter `ports`, found job"):

        @step("lease")
        def claim(job: object) -> None:
            del job


def test_a_step_without_tracing_is_the_function_alone() -> None:
    seen = list[object]()

    class Ports:
        tracer = NO_TRACES

    @step("lease")
    def claim(job: object, ports: Ports) -> None:
        del ports
        seen.append(job)

    claim(KEY, Ports())

    assert seen == [KEY]


def test_errors_are_told_by_their_kind_alone() -> None:
    from shared.core.errors import ImageRejectedError

    spans = Spans(Rig(), "caption")
    with pytest.raises(ImageRejectedError), spans.tracer.span("download"):
        raise ImageRejectedError(ErrorCode.TOO_MANY_BYTES, f"anna.jpg, {KEY}")

    span = named(spans.taken(), "download")
    assert dict(span.attributes or {}) == {"error.type": "too_many_bytes"}
    assert (span.status.description, list(span.events)) == (None, [])
    assert names([span]).total() == 1
