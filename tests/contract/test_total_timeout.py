"""The time-out of a whole call to Gemini, over real sockets: against a service that is slow without end."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from infra.emulators import Control, Fault
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core.errors import TransientError
from shared.core.gemini.request import InlineImage, ModelRequest
from tests.contract.web_rig import Server, answer, certificate
from tests.rig import picture
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT_S = 2.0
LATE_S = 0.8 * TIMEOUT_S
"""Soon enough for a time-out that begins anew with each piece; the third piece is far beyond that of the whole."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
REQUEST = ModelRequest(
    model="gemini-3.8-flash",
    prompt="Describe this image.",
    images=(InlineImage(picture(), "image/jpeg"),),
    max_output_tokens=1000,
)
UPLOAD_BYTES = 8 * 1024 * 1024
"""One request, and more than the sockets of both sides hold."""


def _model(url: str) -> GeminiModel:
    return GeminiModel(ByKey("local"), base_url=url, connections=4)


def _slowly(*pieces: bytes, sent: list[bytes]) -> Callable[[socket.socket], None]:
    """Return what sends each piece late after the one before, and ends where the other side hangs up."""

    def reply(connection: socket.socket) -> None:
        connection.settimeout(LATE_S)
        for piece in pieces:
            connection.sendall(piece)
            sent.append(piece)
            with contextlib.suppress(TimeoutError):
                while connection.recv(65_536):
                    pass
                return

    return reply


SLOW_ANSWERS = {
    "a late byte, then silence": (HEAD + b"{", b" ", b"", b""),
    "late headers, then silence": (b"", HEAD, b"", b""),
    "headers that drip": (b"HTTP/1.1 200 OK\r\nX-Pad: ", b"a", b"a", b"a"),
    "a body that drips": (HEAD + b"{", b" ", b" ", b" "),
}


@pytest.mark.fault(93)
@pytest.mark.parametrize("pieces", SLOW_ANSWERS.values(), ids=SLOW_ANSWERS)
def test_a_call_ends_at_its_time_out_while_the_service_is_still_at_it(pieces: tuple[bytes, ...]) -> None:
    sent: list[bytes] = []
    with Server(_slowly(*pieces, sent=sent)) as server:
        with pytest.raises(TransientError, match="Timeout"):
            _model(server.origin).generate(REQUEST, timeout_s=TIMEOUT_S)

        assert len(sent) <= 2


@pytest.mark.fault(93)
def test_a_call_over_tls_ends_at_its_time_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, _ = certificate(tmp_path, name="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    sent: list[bytes] = []
    with Server(_slowly(*SLOW_ANSWERS["headers that drip"], sent=sent), tls=tls) as server:
        with pytest.raises(TransientError, match="Timeout"):
            _model(f"https://localhost:{server.port}").generate(REQUEST, timeout_s=TIMEOUT_S)

        assert 0 < len(sent) <= 2


def _started(server: Server) -> bytes:
    headers = f"X-Goog-Upload-URL: {server.origin}/up\r\nX-Goog-Upload-Status: active\r\nConnection: close\r\n"
    return answer(headers=headers)


@pytest.mark.fault(93)
def test_the_requests_of_one_upload_share_its_time_out() -> None:
    sent: list[bytes] = []
    with Server() as server:
        server.answers = [_slowly(b"", _started(server), sent=sent), _slowly(b"", b"", b"", sent=sent)]
        with pytest.raises(TransientError, match="Timeout"):
            _model(server.origin).upload("files/one", picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S)

        assert len(sent) <= 3


@pytest.mark.fault(93)
def test_an_image_that_leaves_byte_by_byte_is_given_up_at_the_time_out() -> None:
    read, ended = [0], threading.Event()

    def sip(connection: socket.socket) -> None:
        while not ended.wait(0.05) and (found := connection.recv(65_536)):
            read[0] += len(found)

    with Server() as server:
        server.answers = [_started(server), sip]
        try:
            with pytest.raises(TransientError, match="Timeout"):
                _model(server.origin).upload(
                    "files/one", bytes(UPLOAD_BYTES), mime_type="image/jpeg", timeout_s=TIMEOUT_S
                )
            assert 0 < read[0] < UPLOAD_BYTES / 2
        finally:
            ended.set()


@pytest.mark.fault(93)
def test_a_call_that_is_given_up_ends_no_other_and_spoils_no_connection() -> None:
    with running("gemini") as url, ThreadPoolExecutor(1) as pool:
        model, control = _model(url), Control(url)
        model.generate(REQUEST, timeout_s=60.0)  # leaves a connection that the next call takes
        control.add(Fault("drip", operation="models.generateContent", seconds=0.1, bytes=1))
        control.add(Fault("latency", operation="files.get", seconds=2 * TIMEOUT_S))

        other = pool.submit(model.get_file, "files/uplook-none", timeout_s=60.0)
        with pytest.raises(TransientError, match="Timeout"):
            model.generate(REQUEST, timeout_s=TIMEOUT_S)

        assert other.result() is None
        assert model.generate(REQUEST, timeout_s=60.0)["candidates"]
