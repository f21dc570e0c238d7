"""Spans of a real process of functions-framework: the last ones are sent when it ends, however it ends."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Fault
from infra.local import topology
from tests.functions.collector import PYTHON, collecting
from tests.rig import picture
from tests.storm.deployment import deployed, event_of, paths_of
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.core.events.envelopes import ImageEvent
    from tests.functions.collector import Collector
    from tests.storm.deployment import Deployment

LATER_MS = "600000"
"""No batch is sent before the end of a test: what comes was sent by the end of the process."""

TRACING = {"THREADS": "8", "OTEL_BSP_SCHEDULE_DELAY": LATER_MS, "OTEL_TRACES_SAMPLER": "always_on"}
QUEUE, MODEL_CALL = "wait in the queue", "generate_content gemini-3.5-flash-lite"
STEPS = {"lease", "download", "transport", "call", "journal", "read", "masks", "overlay", "files", "commit", "announce"}
CUT = "stopped: requests in flight are cut"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    env = TRACING | {"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "captions"}
    with deployed(["caption"], tmp_path_factory.mktemp("tracing"), env=env) as found:
        yield found


def send(deployment: Deployment, name: str) -> ImageEvent:
    event = event_of(deployment.upload(name, picture()), "caption")
    deployment.publish([event])
    return event


def done(deployment: Deployment, event: ImageEvent) -> None:
    wait_until(lambda: deployment.metadata(topology.RESULTS, paths_of(event).result) is not None, "result")
    wait_until(lambda: deployment.stats("caption")["backlog"] == 0, "acknowledgement")


def ended(deployment: Deployment) -> list[str]:
    """Send SIGTERM, and return what the instance wrote, once every process of it is gone."""
    worker = deployment.instances["caption"]
    os.kill(worker.process.pid, signal.SIGTERM)
    wait_until(lambda: not worker.process.running and not worker.survivors(), "end")
    worker.stop()
    return worker.lives[-1].lines


def restarted(deployment: Deployment) -> list[str]:
    """Return what the instance wrote until it ended, and have the next one take requests."""
    lines = ended(deployment)
    deployment.instances["caption"].start()
    return lines


def spans_of(lines: list[str]) -> list[dict[str, Any]]:
    """Return the spans among what a process wrote: one line each."""
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [each for each in found if "context" in each]


def test_an_instance_that_ends_sends_its_last_spans(deployment: Deployment) -> None:
    done(deployment, send(deployment, "quiet.jpg"))

    spans = spans_of(restarted(deployment))

    assert {each["name"] for each in spans} == STEPS | {QUEUE, "caption", MODEL_CALL, "send image-results"}
    assert len({each["context"]["trace_id"] for each in spans}) == 1
    assert {each["resource"]["attributes"]["service.name"] for each in spans} == {"captions"}


def test_an_instance_that_cuts_a_delivery_sends_the_spans_that_there_are(deployment: Deployment) -> None:
    fault = deployment.gemini.add(Fault("latency", operation="models.generateContent", seconds=600))
    event = send(deployment, "cut.jpg")
    wait_until(lambda: any(each["id"] == fault and each["hits"] for each in deployment.gemini.faults()), "model call")

    lines = restarted(deployment)

    assert [line for line in lines if CUT in line] != []
    assert {"lease", "download", "transport"} <= {each["name"] for each in spans_of(lines)}
    deployment.gemini.clear()
    done(deployment, event)
    second = [each for each in spans_of(restarted(deployment)) if each["name"] == "caption"]
    first = next(each for each in spans_of(lines) if each["name"] == "lease")["parent_id"]
    assert [link["context"]["span_id"] for each in second for link in each["links"]][-1] == first


def over_otlp(collector: Collector, **environ: str) -> dict[str, str]:
    """Return what has a function send its spans to a collector by OTLP."""
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    return TRACING | {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} | environ


def test_a_collector_gets_every_span_by_otlp_from_what_ships(tmp_path: Path) -> None:
    with collecting(hangs=False) as collector:
        env = over_otlp(collector, OTEL_SERVICE_NAME="captions")
        with deployed(["caption"], tmp_path, env=env, python=PYTHON) as deployment:
            done(deployment, send(deployment, "one.jpg"))
            ended(deployment)

    found = collector.resource_spans()
    spans = [span for each in found for scope in each["scopeSpans"] for span in scope["spans"]]
    resource = {key["key"]: key["value"] for each in found for key in each["resource"]["attributes"]}
    assert {path for path, _ in collector.taken} == {"/v1/traces"}
    assert {span["name"] for span in spans} == STEPS | {QUEUE, "caption", MODEL_CALL, "send image-results"}
    assert len({span["traceId"] for span in spans}) == 1
    assert (resource["service.name"], resource["faas.name"]) == (
        {"stringValue": "captions"},
        {"stringValue": "caption"},
    )


def test_a_collector_that_hangs_holds_up_neither_an_event_nor_the_end(tmp_path: Path) -> None:
    with collecting(hangs=True) as collector:
        env = over_otlp(collector, OTEL_BSP_SCHEDULE_DELAY="10")
        with deployed(["caption"], tmp_path, env=env, python=PYTHON) as deployment:
            for name in ("one.jpg", "two.jpg"):
                done(deployment, send(deployment, name))
            assert collector.reached.wait(WAIT_S)
            ended(deployment)
        assert not collector.let_go.is_set()  # nobody had an answer
