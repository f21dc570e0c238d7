"""The adapter's own downloads: the usual case in one request, and the client for whatever is not usual."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from infra.emulators.client import Control
from infra.emulators.common.faults import Fault
from infra.local.resources import storage_client
from shared.core.errors import NotFoundError, PermanentError, TransientError
from shared.core.jsontext import crc32c
from tests.contract.storage_rig import adapter
from tests.contract.web_rig import certificate
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.adapters.storage import GoogleStorage

BODY = b"0123456789" * 1000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage", "--bucket", "downloads") as url:
        bucket = storage_client(url).bucket("downloads")
        bucket.blob("a/ü?#%.json").upload_from_string(BODY)
        yield url


def _read(store: GoogleStorage, *, max_bytes: int = len(BODY)) -> bytes:
    return store.read("downloads", "a/ü?#%.json", max_bytes=max_bytes)


def _downloads(url: str) -> int:
    return Counter(Control(url).call("GET", "/_control/stats"))["object.download"]


@pytest.mark.parametrize(
    ("kind", "status", "counted"),
    [
        ("cut", 0, 3),
        ("truncate", 0, 3),
        ("corrupt", 0, 3),
        ("status", 503, 3),
        ("status", 429, 3),
        ("status", 401, 3),
        ("reset", 0, 2),
        ("lost_answer", 0, 3),
    ],
)
def test_what_goes_wrong_at_the_first_attempt_is_tried_again_by_the_client(
    url: str, kind: str, status: int, counted: int
) -> None:
    before, store = _downloads(url), adapter(url)

    with Control(url).planned(Fault(kind, operation="object.download", status=status, bytes=100)):
        assert _read(store) == BODY
        assert _read(store) == BODY

    assert _downloads(url) == before + counted


def test_what_does_not_come_in_time_is_not_waited_for_twice(url: str) -> None:
    store, late = (
        adapter(url, timeout_s=0.2, retry_s=1),
        Fault("latency", operation="object.download", seconds=WAIT_S, times=0),
    )

    with Control(url).planned(late), pytest.raises(TransientError, match=r"gs://downloads/a/ü\?#%\.json: timed out"):
        _read(store)


def test_what_is_too_large_or_gone_is_told_in_one_request_each(url: str) -> None:
    before, store = _downloads(url), adapter(url)
    with pytest.raises(PermanentError, match="is larger than 9,999 bytes"):
        _read(store, max_bytes=len(BODY) - 1)
    with pytest.raises(NotFoundError, match="gs://downloads/gone does not exist"):
        store.read("downloads", "gone", max_bytes=10)
    with pytest.raises(NotFoundError, match=r"a/ü\?#%\.json does not exist"):
        store.read("downloads", "a/ü?#%.json", generation=1, max_bytes=10)
    assert _downloads(url) == before + 3


def test_many_threads_read_at_once(url: str) -> None:
    before, store = _downloads(url), adapter(url)
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: _read(store), range(100))) == {BODY}
    assert _downloads(url) == before + 100


def test_where_a_proxy_has_to_be_asked_the_client_asks_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)  # an emulator takes a request for itself as a proxy would
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    store = adapter("http://storage.invalid", retry_s=1)

    # Nothing of that name can be connected to; the proxy refuses the host that it is asked for.
    with pytest.raises((TransientError, PermanentError), match="Host: expected localhost"):
        store.read("downloads", "any", max_bytes=10)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path, list[int]]]:
    """Serve one object over TLS; gives its address, the certificate to trust, and the port of each request."""
    tls, _ = certificate(tmp_path, name="localhost")
    seen: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.send_header("X-Goog-Hash", f"crc32c={crc32c(BODY)}")
            self.send_header("X-Goog-Hash", "md5=unknown")
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust the certificate hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}", tmp_path / "localhost.pem", seen
        server.shutdown()
        thread.join()


def test_a_connection_over_tls_is_used_again(
    secure: tuple[str, Path, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, trusted, seen = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    store = adapter(address)

    assert [_read(store), _read(store)] == [BODY, BODY]
    assert len(seen) == 2
    assert len(set(seen)) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: tuple[str, Path, list[int]]) -> None:
    address, _, seen = secure
    with pytest.raises(TransientError, match="certificate verify failed"):
        adapter(address, retry_s=0.1).read("downloads", "any", max_bytes=10)
    assert seen == []
