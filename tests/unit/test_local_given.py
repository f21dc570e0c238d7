"""What the environment gives the stack is read, and looked for, before anything starts."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from infra.local import given, resources
from infra.local.process import ServiceError, free_port
from infra.local.stack import Options, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield int(somebody.getsockname()[1])


def test_nothing_is_given_by_an_empty_environment() -> None:
    assert given.read({"PUBSUB_EMULATOR_HOST": " "}) == given.Given(None, None, (), vertex=False)


def test_what_is_given_is_taken_where_somebody_listens(port: int) -> None:
    environ = {"PUBSUB_EMULATOR_HOST": f"localhost:{port}", "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}

    found = given.read(environ)

    assert (found.pubsub, found.storage) == (f"localhost:{port}", f"http://127.0.0.1:{port}")


def test_every_address_of_a_stack_that_has_ended_is_named(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}",
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}",
        "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}",
    }
    stack = Stack(Options(tmp_path), environ=environ, say=lambda _: None, on_line=lambda *_: None)

    with pytest.raises(ServiceError) as refused, stack:
        pass

    assert str(refused.value).splitlines() == [
        f"nothing listens at 127.0.0.1:{port} (PUBSUB_EMULATOR_HOST): unset it, or start it",
        f"nothing listens at http://127.0.0.1:{port} (STORAGE_EMULATOR_HOST): unset it, or start it",
        f"nothing listens at http://127.0.0.1:{port} (GOOGLE_GEMINI_BASE_URL): unset it, or start it",
    ]


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("STORAGE_EMULATOR_HOST", "127.0.0.1:9023", "expected http://host:port, found '127.0.0.1:9023'"),
        (
            "PUBSUB_EMULATOR_HOST",
            "http://127.0.0.1:1",
            "expected host:port, without http://, found 'http://127.0.0.1:1'",
        ),
        ("PUBSUB_EMULATOR_HOST", "localhost", "expected a host and a port, found 'localhost'"),
        ("PUBSUB_EMULATOR_HOST", "localhost:http", "expected a host and a port, found 'localhost:http'"),
        ("GOOGLE_GENAI_USE_ENTERPRISE", "maybe", "expected true or false, found 'maybe'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(name: str, address: str, words: str) -> None:
    with pytest.raises(ServiceError) as refused:
        given.read({name: address})
    assert f"{name}: {words}" in str(refused.value)


def test_a_gemini_elsewhere_is_not_looked_for_because_a_proxy_may_lead_there() -> None:
    found = given.read({"GOOGLE_GEMINI_BASE_URL": "https://gemini.invalid"})

    assert found.gemini == ("GOOGLE_GEMINI_BASE_URL",)


@pytest.mark.parametrize(
    ("value", "vertex"), [("false", False), ("0", False), ("", False), ("true", True), ("1", True)]
)
def test_vertex_is_given_only_where_its_flag_is_set(value: str, vertex: bool) -> None:
    found = given.read({"GOOGLE_GENAI_USE_ENTERPRISE": value})

    assert (found.vertex, found.gemini) == (vertex, ("GOOGLE_GENAI_USE_ENTERPRISE",) * vertex)


class _NotFound(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_somebody_else_at_the_address_is_told_from_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PATIENCE_S", 0.3)
    with ThreadingHTTPServer(("127.0.0.1", 0), _NotFound) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        place = f"127.0.0.1:{server.server_port}"

        with (
            pytest.raises(ServiceError, match=r"PUBSUB_EMULATOR_HOST\) answers like no such service"),
            given.answering(given.PUBSUB, place),
        ):
            resources.create_topics(place)
        with (
            pytest.raises(ServiceError, match=r"STORAGE_EMULATOR_HOST\) answers like no such service"),
            given.answering(given.STORAGE, f"http://{place}"),
        ):
            resources.create_buckets(f"http://{place}", notify=False)
        server.shutdown()
