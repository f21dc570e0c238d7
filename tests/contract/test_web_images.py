"""The web as an untrusted manifest may reach it: real servers, hostile ones among them, and a resolver that lies."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from shared.adapters.web import MAX_REDIRECTS, WebImages
from shared.adapters.web_answers import MAX_HEAD_BYTES
from shared.core.errors import PermanentError, TransientError
from tests.contract.web_rig import HOST, Server, answer, certificate, dripping, redirect
from tests.rig import picture
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT_S = 30.0
PUBLIC = "93.184.215.14"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def _fetch(url: str, *origins: str, max_bytes: int = 100_000, timeout_s: float = TIMEOUT_S) -> bytes:
    return WebImages(origins=origins).fetch(url, max_bytes=max_bytes, timeout_s=timeout_s)


class _Resolver:
    """Answers each question with the next list of addresses, the last one for good; counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        del port
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_an_image_of_a_listed_origin_is_fetched() -> None:
    with Server(answer(picture())) as server:
        assert _fetch(f"{server.origin}/a.jpg?x=1", server.origin) == picture()

    (request,) = server.requests
    assert request.startswith(b"GET /a.jpg?x=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in request
    assert b"Accept-Encoding: identity\r\n" in request


def test_an_origin_that_is_not_listed_is_never_connected_to() -> None:
    with Server(answer(picture())) as server, pytest.raises(PermanentError, match="IMAGE_URL_ORIGINS"):
        _fetch(f"{server.origin}/a.jpg", "https://*", "http://127.0.0.1:1")

    assert server.requests == []


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("169.254.169.254",),
        ("::1",),
        ("::ffff:169.254.169.254",),
        (PUBLIC, "10.0.0.1"),
    ],
)
def test_a_public_name_that_leads_inside_is_refused(addresses: Sequence[str]) -> None:
    web = WebImages(origins=["https://*"], resolver=_Resolver(addresses))

    with pytest.raises(PermanentError, match="not on the public internet"):
        web.fetch("https://innocent.example/a.jpg", max_bytes=100, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "url", ["https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://[::1]/", "https://localhost/"]
)
def test_another_spelling_of_an_inner_address_is_refused_by_the_systems_own_resolver(url: str) -> None:
    with pytest.raises((PermanentError, TransientError), match=r"not on the public internet|could not be resolved"):
        _fetch(url, "https://*")


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://2130706433/",
        "//127.0.0.1/",
        "file:///etc/passwd",
        "https://user:secret@example.com/",
        "https://user:sec/ret@example.com/",
        "http://[",
        "//[::zz]/a",
        "https://user:secret@[/",
        "https://example.com:99999999999/",
        "https://a..example/",
    ],
)
def test_a_redirect_is_judged_like_the_first_address(location: str) -> None:
    with Server(redirect(location)) as server, pytest.raises(PermanentError) as caught:
        _fetch(f"{server.origin}/a.jpg", server.origin, "https://*")

    assert caught.value.code == "url_refused"
    assert not {"sec", "ret", "secret"} & set(re.split(r"\W", str(caught.value)))
    assert len(server.requests) == 1


def test_a_redirect_within_what_is_listed_is_followed_relative_ones_too() -> None:
    with Server(redirect("/b.jpg"), answer(picture())) as server:
        assert _fetch(f"{server.origin}/a.jpg", server.origin) == picture()

    assert server.requests[1].startswith(b"GET /b.jpg ")


def test_redirects_in_a_circle_end() -> None:
    with Server(redirect("/again")) as server, pytest.raises(PermanentError, match="redirects more than"):
        _fetch(f"{server.origin}/a.jpg", server.origin)

    assert len(server.requests) == 1 + MAX_REDIRECTS


def test_the_connection_goes_to_the_address_that_was_judged_while_tls_and_host_keep_the_name(tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    resolver = _Resolver(["127.0.0.1"], ["203.0.113.1"])
    with Server(answer(picture()), tls=serving) as server:
        origin = f"https://{HOST}:{server.port}"
        web = WebImages(origins=[origin], resolver=resolver, tls=trusting)
        assert web.fetch(f"{origin}/a.jpg", max_bytes=100_000, timeout_s=TIMEOUT_S) == picture()

    assert resolver.asked == [HOST]
    assert f"Host: {HOST}:{server.port}\r\n".encode() in server.requests[0]


def test_a_name_that_leads_elsewhere_at_the_next_hop_is_judged_again() -> None:
    resolver = _Resolver(["127.0.0.1"], ["10.0.0.1"])
    with Server(redirect("https://rebound.example/")) as server:
        origin = f"http://{HOST}:{server.port}"
        web = WebImages(origins=[origin, "https://*"], resolver=resolver)
        with pytest.raises(PermanentError, match=r"rebound\.example leads to 10\.0\.0\.1"):
            web.fetch(f"{origin}/a.jpg", max_bytes=100, timeout_s=TIMEOUT_S)

    assert resolver.asked == [HOST, "rebound.example"]


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path, name="other.test")
    with Server(answer(picture()), tls=serving) as server:
        origin = f"https://{HOST}:{server.port}"
        web = WebImages(origins=[origin], resolver=_Resolver(["127.0.0.1"]), tls=trusting)
        with pytest.raises(PermanentError, match="certificate"):
            web.fetch(f"{origin}/a.jpg", max_bytes=100_000, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(b"x" * 2000), id="announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, id="without a length"),
        pytest.param(
            CHUNKED + (b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 100,
            id="in chunks",
        ),
    ],
)
def test_a_body_beyond_the_cap_is_refused_however_it_comes(said: bytes) -> None:
    with Server(said) as server, pytest.raises(PermanentError) as caught:
        _fetch(f"{server.origin}/a.jpg", server.origin, max_bytes=1999)

    assert caught.value.code == "too_many_bytes"


@pytest.mark.parametrize("size", ["-1", "-5", "+5", "0x5", "0_5", " 5", "", "f" * 21])
def test_a_chunk_whose_size_is_no_plain_number_is_not_read(size: str) -> None:
    """-1 is what a file takes for `all there is`: the cap would be asked only when all of it lies in memory."""
    head = CHUNKED + size.encode() + b"\r\n"
    with (
        dripping(head) as (drip, _),
        Server(drip) as server,
        pytest.raises(TransientError, match="illegal chunk header"),
    ):
        _fetch(f"{server.origin}/a.jpg", server.origin)


def test_chunks_are_put_together_and_what_else_an_answer_says_is_passed_over() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    odd = b"HTTP/1.1 200\ncontent-length: 5\nTransfer-Encoding:\n chunked\n\n"
    with Server(early + odd + b"0A;x=1\r\n0123456789\r\n1\r\nx\r\n0\r\nTrailer: x\r\n\r\n") as server:
        assert _fetch(f"{server.origin}/a.jpg", server.origin) == b"0123456789x"


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("multipart/x; boundary*0=a; boundary*=b", id="raises"),
        pytest.param('multipart/x; a="' + ";" * 60_000, id="takes seconds"),
    ],
)
def test_a_header_that_the_library_for_mail_stumbles_over_is_not_given_to_it(
    monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    given: list[object] = []
    for function in ("email.feedparser.FeedParser.feed", "email.message._parseparam"):
        monkeypatch.setattr(function, lambda *arguments: given.append(arguments))
    with Server(answer(picture(), headers=f"Content-Type: {content_type}\r\n")) as server:
        assert _fetch(f"{server.origin}/a.jpg", server.origin) == picture()
    assert given == []


def test_a_body_of_exactly_the_cap_is_taken() -> None:
    with Server(answer(b"x" * 2000)) as server:
        assert len(_fetch(f"{server.origin}/a.jpg", server.origin, max_bytes=2000)) == 2000


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(b"short", length=500), id="less than announced"),
        pytest.param(CHUNKED + b"3e8\r\nxx", id="a chunk broken off"),
        pytest.param(CHUNKED + b"2\r\nxxx\r\n0\r\n\r\n", id="a chunk beyond its size"),
        pytest.param(CHUNKED + b"2\r\nxx\r\n", id="no last chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="another coding"),
        pytest.param(answer(length=-1), id="a negative length"),
        pytest.param(answer(b"xx", headers="Content-Length: 1\r\n"), id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Header: ", id="a head broken off"),
        pytest.param(answer(b"xx", headers="X-Header: x\r\n" * MAX_HEAD_BYTES), id="a head too long"),
        pytest.param(b"no HTTP at all\r\n\r\n", id="no HTTP"),
        pytest.param(b"", id="nothing"),
        pytest.param(answer(status="503 Service Unavailable"), id="503"),
        pytest.param(answer(status="429 Too Many Requests"), id="429"),
    ],
)
def test_what_may_pass_is_tried_again_by_a_redelivery(said: bytes) -> None:
    with Server(said) as server, pytest.raises(TransientError):
        _fetch(f"{server.origin}/a.jpg", server.origin)


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone", "204 No Content", "206 Partial"])
def test_what_the_server_refuses_is_refused_for_good(status: str) -> None:
    with Server(answer(status=status)) as server, pytest.raises(PermanentError, match=status[:3]):
        _fetch(f"{server.origin}/a.jpg", server.origin)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(answer(length=100_000), id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Header: ", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body without a length"),
    ],
)
def test_a_server_that_sends_a_byte_now_and_then_is_cut_off_at_the_deadline(head: bytes) -> None:
    with (
        dripping(head) as (drip, _),
        Server(drip) as server,
        pytest.raises(TransientError, match="did not answer in time"),
    ):
        _fetch(f"{server.origin}/a.jpg", server.origin, timeout_s=0.5)


def test_a_server_that_is_cut_off_under_tls_too(tmp_path: Path) -> None:
    serving, trusting = certificate(tmp_path)
    with dripping(answer(length=100_000)) as (drip, _), Server(drip, tls=serving) as server:
        origin = f"https://{HOST}:{server.port}"
        web = WebImages(origins=[origin], resolver=_Resolver(["127.0.0.1"]), tls=trusting)
        with pytest.raises(TransientError, match="did not answer in time"):
            web.fetch(f"{origin}/a.jpg", max_bytes=200_000, timeout_s=0.5)


def test_a_resolver_that_does_not_answer_is_given_up_at_the_deadline() -> None:
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        del host, port
        threads.append(threading.current_thread())
        ended.wait(TIMEOUT_S)
        return ["10.0.0.1"]

    with pytest.raises(TransientError, match="not resolved in time"):
        WebImages(origins=["https://*"], resolver=resolver).fetch("https://slow.example/", max_bytes=1, timeout_s=0.1)
    (thread,) = threads
    assert thread.is_alive()
    assert thread.daemon

    ended.set()
    wait_until(lambda: not thread.is_alive(), "end of the look-up")


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answer(picture())) as server, Server(answer(b"proxied")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        assert _fetch(f"{server.origin}/a.jpg", server.origin) == picture()

    assert proxy.requests == []


def test_nobody_there_is_a_passing_fault() -> None:
    with Server(answer()) as server:
        origin = server.origin

    with pytest.raises(TransientError):
        _fetch(f"{origin}/a.jpg", origin)


def test_a_signature_in_the_address_stays_out_of_every_message() -> None:
    with Server(answer(status="404 Not Found")) as server, pytest.raises(PermanentError) as caught:
        _fetch(f"{server.origin}/a.jpg?X-Goog-Signature=secret", server.origin)

    assert "secret" not in str(caught.value)
