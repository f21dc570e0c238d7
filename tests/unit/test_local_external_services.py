"""What the environment gives the stack is read, and looked for, before anything starts."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from infra.local import endpoints, external_services, resources
from infra.local.endpoints import Endpoints, State
from infra.local.process import ServiceError
from infra.local.stack import Options, Stack
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield int(somebody.getsockname()[1])


def test_nothing_is_given_by_an_empty_environment() -> None:
    found = external_services.read({"PUBSUB_EMULATOR_HOST": " "})

    assert (found.pubsub, found.storage, found.gemini, found.notes) == (None, None, None, ())


def test_what_is_given_is_taken_where_somebody_listens(port: int) -> None:
    environ = {"PUBSUB_EMULATOR_HOST": f"localhost:{port}", "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}

    found = external_services.read(environ)

    assert (found.pubsub, found.storage) == (f"localhost:{port}", f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("name", external_services.TO_GEMINI)
def test_no_variable_leads_to_gemini_unless_that_is_asked_for(name: str) -> None:
    found = external_services.read({name: "true", "PATH": "/bin"})

    assert found.gemini is None
    assert found.environ == {"PATH": "/bin"}
    assert found.notes == (f"{name}: set, and not used. GEMINI=real (--gemini real) asks Gemini itself",)


PROXIES = ("ALL_PROXY", "all_proxy", "HTTP_PROXY", "https_proxy", "grpc_proxy")


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "socks5h://proxy.invalid", "http://proxy.invalid:3128"])
def test_no_proxy_is_given_to_parts_that_ask_this_machine_alone(port: int, name: str, proxy: str) -> None:
    nearby = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "PATH": "/bin"}

    assert external_services.read({name: proxy, **nearby}).environ == nearby


def test_a_proxy_on_the_way_to_gemini_itself_is_kept() -> None:
    environ = {"GEMINI_API_KEY": "one", "HTTPS_PROXY": "http://proxy.invalid:3128"}

    assert external_services.read(environ, real=True).environ == environ


@pytest.mark.parametrize("name", PROXIES)
def test_a_socks_proxy_on_the_way_to_gemini_itself_is_refused_in_words(name: str) -> None:
    environ = {"GEMINI_API_KEY": "one", name: "socks5h://me:secret@127.0.0.1:1080"}

    with pytest.raises(ServiceError, match=rf"{name}: expected an HTTP proxy.*unset {name}") as refused:
        external_services.read(environ, real=True)

    assert "secret" not in str(refused.value)


def test_the_key_of_the_sdks_own_choice_is_named_and_passed_on() -> None:
    environ = {"GEMINI_API_KEY": "one", "GOOGLE_API_KEY": "two"}

    found = external_services.read(environ, real=True)

    assert found.gemini == external_services.Gemini("GOOGLE_API_KEY")
    assert found.environ == environ
    assert "two" not in repr(found)


def test_vertex_is_asked_as_the_project_that_pays() -> None:
    environ = {"GOOGLE_GENAI_USE_ENTERPRISE": "1", "GOOGLE_CLOUD_PROJECT": "mine", "GOOGLE_CLOUD_LOCATION": "eu"}

    found = external_services.read(environ, real=True).gemini

    assert found == external_services.Gemini(None, project="mine", location="eu")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "needs a key of yours in GEMINI_API_KEY"),
        ({"GOOGLE_GENAI_USE_ENTERPRISE": "false"}, "needs a key of yours in GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": endpoints.LOCAL_KEY}, "needs a key of yours in GEMINI_API_KEY"),
        ({"GOOGLE_GENAI_USE_ENTERPRISE": "true"}, "GOOGLE_CLOUD_PROJECT is not set"),
        ({"GOOGLE_GENAI_USE_ENTERPRISE": "maybe"}, "expected true or false, found 'maybe'"),
    ],
)
def test_a_real_gemini_that_nothing_leads_to_is_refused(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        external_services.read(environ, real=True)


def _sourced(tmp_path: Path, *, vertex: bool) -> dict[str, str]:
    """What a shell has that read the `stack.env` of a stack which has ended."""
    port = free_port()
    there = Endpoints(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", vertex=vertex)
    endpoints.write(State(1, there), tmp_path)
    lines = (tmp_path / endpoints.ENV_FILE).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("vertex", [False, True])
def test_what_a_stack_that_has_ended_left_in_a_shell_is_not_taken_for_given(tmp_path: Path, vertex: bool) -> None:
    found = external_services.read({"PATH": "/bin", **_sourced(tmp_path, vertex=vertex)})

    assert (found.pubsub, found.storage, found.gemini) == (None, None, None)
    assert found.environ == {"PATH": "/bin"}
    assert len(found.notes) == 1


def test_its_placeholder_is_no_key_even_where_gemini_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="needs a key of yours"):
        external_services.read(_sourced(tmp_path, vertex=False), real=True)
    with pytest.raises(ServiceError, match="needs a key of yours"):
        external_services.read(_sourced(tmp_path, vertex=True), real=True)


def test_what_was_set_after_a_stack_env_was_read_counts(tmp_path: Path, port: int) -> None:
    mine = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "GEMINI_API_KEY": "a-key-of-mine"}

    found = external_services.read({**_sourced(tmp_path, vertex=False), **mine}, real=True)

    assert (found.pubsub, found.storage) == (None, mine["STORAGE_EMULATOR_HOST"])
    assert found.environ == mine


def test_every_address_of_a_stack_that_has_ended_is_named(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}",
        "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}",
        "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}",
    }
    environ |= {"GEMINI_API_KEY": "a-key-of-mine"}
    stack = Stack(Options(tmp_path, real=True), environ=environ, say=lambda _: None, on_line=lambda *_: None)

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
    ],
)
def test_what_makes_no_sense_is_refused_in_words(name: str, address: str, words: str) -> None:
    with pytest.raises(ServiceError) as refused:
        external_services.read({name: address})
    assert f"{name}: {words}" in str(refused.value)


def test_a_gemini_elsewhere_is_not_looked_for_because_a_proxy_may_lead_there() -> None:
    environ = {"GOOGLE_GEMINI_BASE_URL": "https://gemini.invalid", "GEMINI_API_KEY": "a-key-of-mine"}

    found = external_services.read(environ, real=True).gemini

    assert found is not None
    assert found.words == "the Gemini API at gemini.invalid, with the key in GEMINI_API_KEY"


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
            external_services.answering(external_services.PUBSUB, place),
        ):
            resources.create_topics(place)
        with (
            pytest.raises(ServiceError, match=r"STORAGE_EMULATOR_HOST\) answers like no such service"),
            external_services.answering(external_services.STORAGE, f"http://{place}"),
        ):
            resources.create_buckets(f"http://{place}", notify=False)
        server.shutdown()
