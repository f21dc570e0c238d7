"""A collector of spans: it takes what OTLP's exporter posts, and reads it as OpenTelemetry's own package defines it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest

from infra.local.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON: Final = ROOT / ".venv-tracing" / "bin" / "python"
"""Of an environment that holds `requirements-tracing.txt`, as it ships, and nothing else."""

_READ: Final = """
import json, sys
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
for line in sys.stdin:
    print(json.dumps(MessageToDict(ExportTraceServiceRequest.FromString(bytes.fromhex(line)))))
"""


class Collector(ThreadingHTTPServer):
    """Takes what is posted; one that `hangs` answers nobody until it is let go."""

    daemon_threads = True

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hangs = hangs
        self.taken: list[tuple[str, bytes]] = []
        """Path and body of each request."""
        self.reached, self.let_go = threading.Event(), threading.Event()

    def resource_spans(self) -> list[dict[str, Any]]:
        """Return what came, as `opentelemetry.proto` reads it: spans by their resource."""
        lines = "".join(f"{body.hex()}\n" for _, body in self.taken)
        done = subprocess.run([str(PYTHON), "-c", _READ], input=lines, capture_output=True, text=True, check=True)
        return [each for line in done.stdout.splitlines() for each in json.loads(line)["resourceSpans"]]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.reached.set()
        if self.server.hangs:
            self.server.let_go.wait()
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@contextlib.contextmanager
def collecting(*, hangs: bool) -> Iterator[Collector]:
    """Yield a collector that listens; the test is skipped, in words, where nothing could send to it."""
    if not PYTHON.exists():
        pytest.skip("the exporters of spans are not installed: run `make .venv-tracing/.installed`")
    collector = Collector(hangs=hangs)
    serving = threading.Thread(target=collector.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        collector.let_go.set()
        collector.shutdown()
        collector.server_close()
        serving.join()
