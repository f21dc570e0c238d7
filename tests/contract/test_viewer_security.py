"""What the viewer refuses, and how it answers what it does not trust."""

from __future__ import annotations

import pytest
import requests

from infra.viewer.app import PAGE
from tests.contract.viewer_rig import DEADLINE_S, Stack, upload

pytest_plugins = ["tests.contract.viewer_fixtures"]

CSP = "default-src 'self'; img-src 'self' blob: data:;"


KINDS = {".js": "text/javascript", ".css": "text/css"}
FILES = {f"/{path.name}": KINDS[path.suffix] for path in PAGE.iterdir() if path.suffix in KINDS}


@pytest.mark.parametrize(("path", "media_type"), [("/", "text/html"), ("/tasks.js", "text/javascript"), *FILES.items()])
def test_the_page_is_served_with_a_strict_policy(stack: Stack, path: str, media_type: str) -> None:
    answer = stack.ask(path)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["content-security-policy"].startswith(CSP)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_script_among_the_uploads_is_handed_out_as_bytes_to_save(stack: Stack) -> None:
    card = upload(stack, "evil.svg", b"<svg onload='alert(1)'/>", headers={"Content-Type": "image/svg+xml"}).json()
    headers = stack.ask(card["original"]).headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == "attachment"
    assert headers["content-security-policy"].endswith("sandbox")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/objects/secrets/a.png", 404),
        ("/api/objects/uploads/nobody.png", 404),
        ("/api/objects/uploads/a.png?generation=x", 400),
        ("/api/objects/uploads/%FF", 400),
        ("/api/preview/secrets/a.png", 404),
        ("/app.js/../cli.py", 404),
    ],
)
def test_what_is_not_there_is_refused(stack: Stack, path: str, status: int) -> None:
    assert stack.ask(path).status == status


def test_the_proxy_only_reads(stack: Stack) -> None:
    upload(stack, "kept.png")
    assert stack.ask("/api/objects/uploads/kept.png", method="DELETE").status == 405
    assert stack.bucket("uploads").get_blob("kept.png") is not None


@pytest.mark.parametrize("path", ["/", "/api/events", "/api/objects/uploads/a.png"])
def test_a_foreign_host_name_is_refused(stack: Stack, path: str) -> None:
    assert stack.ask(path, host="rebound.example.com").status == 403


def test_an_upload_from_a_foreign_page_is_refused(stack: Stack) -> None:
    assert upload(stack, "foreign.png", headers={"Origin": "https://example.com"}).status_code == 403
    assert stack.bucket("uploads").get_blob("foreign.png") is None


def test_an_upload_from_the_own_page_is_taken(stack: Stack) -> None:
    assert upload(stack, "own.png", headers={"Origin": stack.viewer}).status_code == 201


@pytest.mark.parametrize("path", ["/api/actions", "/api/faults"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_what_changes_more_than_an_upload_takes_no_form(stack: Stack, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type, "Origin": stack.viewer}
    assert requests.post(f"{stack.viewer}{path}", data=b"{}", headers=headers, timeout=DEADLINE_S).status_code == 415


@pytest.mark.parametrize("path", ["/api/actions", "/api/faults", "/api/samples"])
def test_nothing_is_done_for_a_foreign_page(stack: Stack, path: str) -> None:
    answer = requests.post(
        f"{stack.viewer}{path}", json={}, headers={"Origin": "https://example.com"}, timeout=DEADLINE_S
    )
    assert answer.status_code == 403


def test_a_viewer_of_somebody_elses_services_breaks_nothing(stack: Stack) -> None:
    assert requests.get(f"{stack.viewer}/api/faults", timeout=DEADLINE_S).json() == []
    answer = requests.post(f"{stack.viewer}/api/faults", json={"fault": "kill"}, timeout=DEADLINE_S)
    assert (answer.status_code, "Nothing can be broken here" in answer.json()["error"]) == (409, True)
