"""One trace from the upload to the result event, through the real functions-framework."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shared import bootstrap
from shared.core import naming
from shared.core.delivery.shutdown import LIMIT_S
from shared.core.errors import AwayError, TransientError
from shared.core.events.envelopes import parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from tests import canary
from tests.functions.pushes import AGAIN, OK, push_body, storage_event
from tests.rig import SETTINGS, TEXTS, UPLOADS, WORK, Rig, picture, reply
from tests.traced import Spans, context, named, names, parents, trace_ids
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from werkzeug.test import Client

    from shared.core.ports import Message

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
"""As Cloud Run's front end writes it, in a header of every request."""

OTHER_REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WORKER = {
    "wait in the queue",
    "segment",
    "lease",
    "download",
    "transport",
    "call",
    "generate_content gemini-3.8-flash",
    "journal",
    "read",
    "masks",
    "overlay",
    "files",
    "commit",
    "announce",
    "send image-results",
}


@pytest.fixture
def spans(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Spans:
    spans = Spans(rig, "segment")
    monkeypatch.setattr(bootstrap, "tracer", lambda: spans.tracer)
    monkeypatch.setattr(bootstrap, "publisher", lambda: spans.publisher)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=("segment",))))
    return spans


def uploaded(
    rig: Rig, client: Any, spans: Spans, *, headers: Mapping[str, str] | None = None
) -> tuple[Message, list[ReadableSpan]]:
    """Upload a picture, and return the message by which `ingest` asks for its segments, with the spans of that."""
    data = picture()
    generation = rig.store.create(UPLOADS, "anna-in-berlin.jpg", data, content_type="image/jpeg")
    event = storage_event(name="anna-in-berlin.jpg", generation=str(generation), size=str(len(data)))
    event["headers"] |= {"ce-time": "2026-11-21T09:00:00Z", **(headers or {})}
    assert client("ingest").post("/", **event).status_code == OK
    (message,) = rig.publisher.messages[SETTINGS.image_topic]
    return message, spans.taken()


def pushed(client: Client, message: Message, *, attempt: int = 1, traceparent: str = OTHER_REQUEST) -> int:
    body = push_body(message.data, message.attributes) | {"deliveryAttempt": attempt}
    path = "/projects/local-dev/topics/image-events"
    return client.post(path, json=body, headers={"traceparent": traceparent}).status_code


def test_one_upload_is_one_trace_from_its_request_to_its_result_event(rig: Rig, client: Any, spans: Spans) -> None:
    message, planned = uploaded(rig, client, spans, headers={"traceparent": REQUEST})

    assert pushed(client("segment"), message) == OK
    worked = spans.taken()

    assert names(planned).keys() == {"wait in the queue", "segment", "plan", "send image-events"}
    assert names(worked).keys() == WORKER
    assert trace_ids(planned + worked) == {int(TRACE_ID, 16)}
    (result,) = rig.publisher.messages[SETTINGS.result_topic]
    assert result.attributes["traceparent"].split("-")[1] == TRACE_ID


def test_a_worker_goes_on_below_the_span_that_published_its_event(rig: Rig, client: Any, spans: Spans) -> None:
    message, planned = uploaded(rig, client, spans, headers={"traceparent": REQUEST})
    sent = named(planned, "send image-events")

    pushed(client("segment"), message)
    worked = spans.taken()
    delivery = named(worked, "segment")

    assert delivery.parent is not None
    assert delivery.parent.span_id == context(sent).span_id
    assert [f"{link.context.trace_id:032x}" for link in delivery.links] == [OTHER_REQUEST.split("-")[1]]
    found = parents(worked)
    steps = ("lease", "download", "transport", "call", "journal", "masks", "files", "commit", "announce")
    assert {found[name] for name in steps} == {"segment"}
    assert found["generate_content gemini-3.8-flash"] == "call"
    assert found["send image-results"] == "announce"


def test_without_a_trace_in_the_message_the_request_is_the_parent(rig: Rig, client: Any, spans: Spans) -> None:
    message, _ = uploaded(rig, client, spans)
    del message.attributes["traceparent"]  # type: ignore[attr-defined] # of an event from before, or of another writer

    pushed(client("segment"), message)

    assert {f"{each:032x}" for each in trace_ids(spans.taken())} == {OTHER_REQUEST.split("-")[1]}


def test_a_call_says_what_the_conventions_for_generative_ai_ask_for(rig: Rig, client: Any, spans: Spans) -> None:
    pushed(client("segment"), uploaded(rig, client, spans)[0])

    told = dict(named(spans.taken(), "generate_content gemini-3.8-flash").attributes or {})

    assert told.pop("gen_ai.request.max_tokens")
    assert told == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-3.8-flash",
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gemini-3.8-flash",
        "gen_ai.response.finish_reasons": ("STOP",),
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 80,
    }


def test_a_redelivery_is_of_the_same_trace_and_linked_to_the_delivery_before(
    rig: Rig, client: Any, spans: Spans
) -> None:
    message, _ = uploaded(rig, client, spans, headers={"traceparent": REQUEST})
    rig.store.faults.add("read", TransientError("storage is away"))
    assert pushed(client("segment"), message) == AGAIN
    first = named(spans.taken(), "segment")

    assert pushed(client("segment"), message, attempt=2) == OK

    second = named(spans.taken(), "segment")
    assert context(second).trace_id == context(first).trace_id == int(TRACE_ID, 16)
    assert context(first).span_id in linked(second)
    assert (first.status.is_ok, second.status.is_ok) == (False, True)
    assert (first.attributes or {})["error.type"] == "TransientError"
    attempts = [(each.attributes or {})["messaging.gcp_pubsub.message.delivery_attempt"] for each in (first, second)]
    assert attempts == [1, 2]


def test_a_duplicate_is_linked_to_the_delivery_that_did_the_work(rig: Rig, client: Any, spans: Spans) -> None:
    message, _ = uploaded(rig, client, spans)
    pushed(client("segment"), message)
    first = named(spans.taken(), "segment")

    assert pushed(client("segment"), message) == OK

    duplicate = spans.taken()
    assert context(first).span_id in linked(named(duplicate, "segment"))
    assert names(duplicate).keys() == {"wait in the queue", "segment", "lease", "announce", "send image-results"}


def test_a_retry_is_linked_to_the_try_that_failed(rig: Rig, client: Any, spans: Spans) -> None:
    message, _ = uploaded(rig, client, spans)
    rig.model.faults.add("generate", AwayError("the model is away"))

    assert pushed(client("segment"), message) == OK

    first, second = [each for each in spans.taken() if each.name == "call"]
    assert (first.attributes or {})["error.type"] == "AwayError"
    assert linked(second) == [context(first).span_id]
    assert not first.links


def test_spans_tell_nothing_of_keys_images_names_prompts_or_answers(rig: Rig, client: Any, spans: Spans) -> None:
    message, _ = uploaded(rig, client, spans)
    rig.model.faults.add("generate", AwayError(f"refused for {canary.KEY}, anna-in-berlin.jpg"))
    pushed(client("segment"), message)

    told = json.dumps([json.loads(each.to_json()) for each in spans.taken()])

    assert "generate_content" in told
    assert canary.leaks(told) == []
    assert [word for word in ("anna", "square", "[[250", "refused for") if word in told] == []


def test_the_lease_keeps_its_delivery_when_another_thread_lets_it_go(rig: Rig, client: Any, spans: Spans) -> None:
    message, _ = uploaded(rig, client, spans, headers={"traceparent": REQUEST})
    lease = naming.paths(parse_image_event(message.data).source, run="v1", task="segment").lease

    def metadata() -> Mapping[str, str]:
        there = rig.store.stat(WORK, lease)
        return there.metadata if there else {}

    def stopped(_: Any) -> Mapping[str, Any]:
        rig.ports.in_flight.cut(since_s=LIMIT_S)
        wait_until(lambda: metadata()["uplook-state"] == "released", "release")
        return reply(TEXTS["segment"])

    rig.answer = stopped
    pushed(client("segment"), message)

    delivery = context(named(spans.taken(), "segment"))
    assert metadata()["uplook-traceparent"] == f"00-{TRACE_ID}-{delivery.span_id:016x}-01"


def linked(span: ReadableSpan) -> list[int]:
    return [link.context.span_id for link in span.links]
