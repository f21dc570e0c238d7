from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from infra.local.viewer.guard import POLICY


def refusal(method: str, *, host: str | None, origin: str | None) -> str | None:
    named = {"host": host, "origin": origin}
    raw = [(name.encode(), value.encode()) for name, value in named.items() if value is not None]
    found = POLICY.refusal(method, "/api/uploads", Headers(raw=raw))
    assert found is None or found.status == 403
    return found.reason if found else None


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "localhost:65535"]
)
def test_this_machine_is_served_by_any_of_its_names(host: str) -> None:
    assert refusal("GET", host=host, origin=None) is None


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "example.com",
        "example.com:8080",
        "localhost.example.com",
        "127.0.0.1.nip.io:8080",
        "126.0.0.2:8080",
        "[::2]:8080",
        "::1",
        "localhost:",
        "localhost:8080@example.com",
        "localhost:8080\n",
        "localhost, example.com",
        "\u217bocalhost",
    ],
)
def test_a_name_that_is_not_this_machine_is_refused(host: str | None) -> None:
    reason = refusal("GET", host=host, origin=None)
    assert reason is not None
    assert reason.startswith("Host: expected localhost, a loopback address, found")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("LocalHost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("localhost", "http://localhost"),
        ("localhost:8080", None),
    ],
)
def test_the_page_itself_and_programs_may_upload(host: str, origin: str | None) -> None:
    assert refusal("POST", host=host, origin=origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "null",
        "",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "https://localhost:8080",
        "http://localhost:80801",
        "http://localhost:8080.example.com",
    ],
)
def test_another_page_may_not_upload(origin: str) -> None:
    reason = refusal("POST", host="localhost:8080", origin=origin)
    assert reason == f"Origin: expected the service's own page, found one of {origin!r}."


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_another_page_may_not_even_ask_for_what_it_could_not_read(method: str) -> None:
    assert refusal(method, host="localhost:8080", origin="https://example.com") is not None
