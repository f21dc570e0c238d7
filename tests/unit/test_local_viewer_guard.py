from __future__ import annotations

import pytest

from infra.local.viewer.guard import refusal


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
        "127.0.0.2:8080",
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
    assert "Expected localhost" in reason


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
    assert reason == f"Expected a request from the viewer's own page, found one from {origin!r}."


def test_reading_needs_no_origin_check_because_no_other_page_can_read_the_answer() -> None:
    assert refusal("GET", host="localhost:8080", origin="https://example.com") is None
