"""Spans of a real process of functions-framework: the last ones are sent when it ends, however it ends."""

from __future__ import annotations

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from infra.emulators import Fault
from infra.local import topology
from tests.rig import picture
from tests.storm.deployment import deployed, event_of, paths_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.core.events.envelopes import ImageEvent
    from tests.storm.deployment import Deployment

LATER_MS = "600000"
"""No batch is sent before the end of a test: what comes was sent by the end of the process."""

TRACING = {"THREADS": "8", "OTEL_BSP_SCHEDULE_DELAY": LATER_MS, "OTEL_TRACES_SAMPLER": "always_on"}
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


def spans_of(lines: list[str]) -> list[dict[str, Any]]:
    """Return the spans among what a process wrote: one line each."""
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [each for each in found if "context" in each]


def test_an_instance_that_ends_sends_its_last_spans(deployment: Deployment) -> None:
    done(deployment, send(deployment, "quiet.jpg"))

    spans = spans_of(ended(deployment))

    assert {"captions", "lease", "download", "call", "journal", "commit", "announce"} <= {
        each["name"] for each in spans
    }
    assert len({each["context"]["trace_id"] for each in spans}) == 1
    assert {each["resource"]["attributes"]["service.name"] for each in spans} == {"captions"}
    deployment.instances["caption"].start()


def test_an_instance_that_cuts_a_delivery_sends_the_spans_that_there_are(deployment: Deployment) -> None:
    fault = deployment.gemini.add(Fault("latency", operation="models.generateContent", seconds=600))
    event = send(deployment, "cut.jpg")
    wait_until(lambda: any(each["id"] == fault and each["hits"] for each in deployment.gemini.faults()), "model call")

    lines = ended(deployment)

    assert [line for line in lines if CUT in line] != []
    assert {"lease", "download", "transport"} <= {each["name"] for each in spans_of(lines)}
    deployment.gemini.clear()
    deployment.instances["caption"].start()
    done(deployment, event)
    second = [each for each in spans_of(ended(deployment)) if each["name"] == "captions"]
    first = next(each for each in spans_of(lines) if each["name"] == "lease")["parent_id"]
    assert [link["context"]["span_id"] for each in second for link in each["links"]][-1] == first
    deployment.instances["caption"].start()


class _Collector(ThreadingHTTPServer):
    """Takes what is posted; `hangs` never answers."""

    daemon_threads = True

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hangs = hangs
        self.taken: list[bytes] = []
        self.reached, self.let_go = threading.Event(), threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        self.server.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.reached.set()
        if self.server.hangs:
            self.server.let_go.wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@pytest.mark.parametrize("hangs", [False, True])
def test_a_collector_gets_spans_by_otlp_and_one_that_hangs_holds_nothing_up(tmp_path: Path, *, hangs: bool) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="requirements-tracing.txt is not installed")
    collector = _Collector(hangs=hangs)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    env = TRACING | {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "10",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    try:
        with deployed(["caption"], tmp_path, env=env) as deployment:
            for name in ("one.jpg", "two.jpg"):
                done(deployment, send(deployment, name))
            assert collector.reached.wait(60)
            ended(deployment)
    finally:
        collector.let_go.set()
        collector.shutdown()
        collector.server_close()

    assert b"lease" in b"".join(collector.taken)
    assert (b"announce" in b"".join(collector.taken)) is not hangs
