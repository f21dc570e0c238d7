"""Ports whose calls are spans: the model's as OpenTelemetry's conventions for generative AI have it, and Pub/Sub's.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ - of prompts and answers there is nothing but their
size in tokens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from shared.core.replies.answer import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.adapters.tracing import OpenTelemetryTracer
    from shared.core.gemini.request import ModelRequest
    from shared.core.ports import Message, ModelFile, Publisher, VisionModel
    from shared.core.tracing import Attributes


class TracedPublisher:
    """The `Publisher` port: each message takes along the trace that it belongs to."""

    def __init__(self, publisher: Publisher, tracer: OpenTelemetryTracer) -> None:
        self._publisher, self._tracer = publisher, tracer

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish and wait until the service has stored every message."""
        name = topic.rpartition("/")[2]
        attributes: Attributes = {
            "messaging.system": "gcp_pubsub",
            "messaging.operation.type": "send",
            "messaging.destination.name": name,
            "messaging.batch.message_count": len(messages),
        }
        with self._tracer.call(f"send {name}", kind=SpanKind.PRODUCER, attributes=attributes):
            carrier = self._tracer.carrier()
            self._publisher.publish(
                topic, [replace(each, attributes={**each.attributes, **carrier}) for each in messages]
            )


class TracedModel:
    """The `VisionModel` port. `provider` is `gcp.gemini` or `gcp.vertex_ai`."""

    def __init__(self, model: VisionModel, tracer: OpenTelemetryTracer, *, provider: str) -> None:
        self._model, self._tracer, self._provider = model, tracer, provider

    def generate(self, request: ModelRequest, *, timeout_s: float) -> Mapping[str, Any]:
        """Return the raw reply."""
        asked = _asked(request, self._provider)
        with self._tracer.call(f"generate_content {request.model}", kind=SpanKind.CLIENT, attributes=asked):
            response = self._model.generate(request, timeout_s=timeout_s)
            self._tracer.note(_answered(response))
            return response

    def upload(self, name: str, data: bytes, *, mime_type: str, timeout_s: float) -> ModelFile:
        """Upload bytes under a name of our own."""
        with self._tracer.span("upload a file"):
            return self._model.upload(name, data, mime_type=mime_type, timeout_s=timeout_s)

    def get_file(self, name: str, *, timeout_s: float) -> ModelFile | None:
        """Describe an uploaded file."""
        return self._model.get_file(name, timeout_s=timeout_s)

    def delete_file(self, name: str, *, timeout_s: float) -> None:
        """Delete an uploaded file."""
        self._model.delete_file(name, timeout_s=timeout_s)

    def register_file(self, uri: str, *, timeout_s: float) -> ModelFile:
        """Make a file of an object in Cloud Storage."""
        with self._tracer.span("register a file"):
            return self._model.register_file(uri, timeout_s=timeout_s)


def _asked(request: ModelRequest, provider: str) -> Attributes:
    return _said(
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": request.model,
            "gen_ai.request.max_tokens": request.max_output_tokens,
            "gen_ai.request.temperature": request.temperature,
            "gen_ai.output.type": "json" if request.schema is not None else None,
        }
    )


def _answered(response: Mapping[str, Any]) -> Attributes:
    answer = read_answer(response)
    usage, finish = answer.usage, answer.finish_reason or answer.block_reason
    written = [each for each in (usage.output_tokens, usage.thought_tokens) if each is not None]
    return _said(
        {
            "gen_ai.response.id": answer.response_id,
            "gen_ai.response.model": answer.served_model,
            "gen_ai.response.finish_reasons": [finish] if finish else None,
            "gen_ai.usage.input_tokens": usage.prompt_tokens,
            # Thoughts are billed as output, and Gemini counts them apart.
            "gen_ai.usage.output_tokens": sum(written) if written else None,
            "gen_ai.usage.reasoning.output_tokens": usage.thought_tokens,
        }
    )


def _said(found: Mapping[str, Any]) -> Attributes:
    return {key: value for key, value in found.items() if value is not None}
