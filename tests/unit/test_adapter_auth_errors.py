"""What google-auth raises: a way there that is closed for a moment, or credentials that somebody has refused."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from google.auth import exceptions as auth
from google.auth.compute_engine import Credentials

from shared.adapters import pubsub
from shared.adapters.auth_errors import translate_auth
from shared.adapters.storage_errors import mapped
from shared.core.errors import AwayError, ConfigurationError, UplookError

if TYPE_CHECKING:
    from collections.abc import Iterator

AWAY, FAULT = AwayError, ConfigurationError


class _Metadata(http.server.BaseHTTPRequestHandler):
    """A metadata server that knows the account and answers every question for a token with `status`."""

    status: ClassVar[int] = 503

    def do_GET(self) -> None:
        token = "token" in self.path
        body = b"Internal Server Error" if token else json.dumps({"email": "x@y.z", "scopes": []}).encode()
        self.send_response(self.status if token else 200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "text/plain" if token else "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def metadata_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Metadata)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    # Read from the environment when google-auth is imported.
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", host)
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.fault(121)
@pytest.mark.usefixtures("metadata_server")
@pytest.mark.parametrize(
    ("status", "meaning"),
    [(503, AWAY), (500, AWAY), (429, AWAY), (408, AWAY), (502, AWAY), (504, AWAY), (404, FAULT), (403, FAULT)],
)
def test_a_metadata_server_that_is_away_for_a_moment_is_no_fault_of_the_deployment(
    monkeypatch: pytest.MonkeyPatch, status: int, meaning: type[UplookError]
) -> None:
    """Its own `retryable` is False all the same (google-auth-library-python#1562)."""
    from google.auth.transport.requests import Request

    monkeypatch.setattr(_Metadata, "status", status)

    with pytest.raises(auth.RefreshError) as caught:
        Credentials().refresh(Request())  # type: ignore[no-untyped-call]

    assert not caught.value.retryable
    assert type(translate_auth(caught.value)) is meaning


def _caused(error: Any, cause: Any) -> Any:
    error.__cause__ = cause
    return error


RAISED: Any = auth  # its classes are not typed
ERRORS = [
    (RAISED.TransportError("reset"), AWAY),
    (_caused(RAISED.RefreshError("x"), RAISED.TransportError("no route")), AWAY),
    (RAISED.RefreshError("busy", retryable=True), AWAY),
    (RAISED.RefreshError("invalid_grant: Invalid JWT Signature"), FAULT),
    (RAISED.DefaultCredentialsError("none"), FAULT),
]


@pytest.mark.fault(121)
@pytest.mark.parametrize(("error", "meaning"), ERRORS)
def test_every_client_takes_an_error_of_google_auth_for_the_same(error: Any, meaning: type[UplookError]) -> None:
    assert type(translate_auth(error)) is meaning
    with pytest.raises(meaning), mapped("gs://b/o"):
        raise error

    publisher = pubsub.GooglePublisher(emulator_host=None)
    publisher._made = _Raising(error), None
    with pytest.raises(meaning):
        publisher.publish("projects/p/topics/t", [])


def test_no_message_quotes_what_may_hold_a_secret() -> None:
    assert "assertion" not in str(translate_auth(RAISED.RefreshError("assertion=eyJ")))


class _Raising:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def publish(self, **_: Any) -> None:
        raise self._error
