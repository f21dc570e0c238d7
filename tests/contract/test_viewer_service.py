"""The viewer as it is deployed: a process of its own, IAP's signatures made with a key of the tests, real buckets."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from infra.local import resources, topology
from infra.local.endpoints import Endpoints
from infra.viewer.identity import ASSERTION, Keys, viewer_of
from tests.contract.iap_rig import AUDIENCE, NOWHERE, Signer, served, signing
from tests.contract.viewer_rig import BYTES, DEADLINE_S, Stack, commit, next_of, page
from tests.services import running
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWEST: Final = 4


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with signing() as made:
        yield made


@pytest.fixture(scope="module")
def service(signer: Signer) -> Iterator[Stack]:
    with running("storage") as storage:
        resources.create_buckets(storage, notify=False)
        with served(signer, storage, "--newest", str(NEWEST)) as address:
            yield Stack(address, storage, NOWHERE)


def asked(service: Stack, path: str, assertion: str | None = None, *, method: str = "GET") -> requests.Response:
    headers = {ASSERTION: assertion} if assertion else {}
    return requests.request(method, f"{service.viewer}{path}", headers=headers, timeout=DEADLINE_S)


FOREIGN = ec.generate_private_key(ec.SECP256R1())
LARGE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "claims",
    [
        {"key": FOREIGN},
        {"key": FOREIGN, "key_id": "another"},
        {"key": LARGE},
        {"aud": "/projects/42/locations/us-central1/services/another"},
        {"aud": [AUDIENCE]},
        {"iss": "https://accounts.google.com"},
        {"iat": 1, "exp": 2},
        {"iat": 9_999_999_999, "exp": 9_999_999_999},
    ],
)
@pytest.mark.parametrize("path", ["/", "/app.js", "/api/events", "/api/images", "/api/objects/uploads/a.png"])
def test_what_iap_has_not_signed_for_this_service_is_refused(
    service: Stack, signer: Signer, path: str, claims: dict[str, Any]
) -> None:
    refused = asked(service, path, signer.sign(**claims))

    assert refused.status_code == 403
    assert "not valid here" in refused.json()["error"]


@pytest.mark.parametrize(
    "assertion", [None, "x", "a.b.c", "..", "e30.e30.e30", "\u00ff.\u00ff.\u00ff", f"{'[' * 20000}.."]
)
def test_what_is_no_assertion_is_refused(service: Stack, assertion: str | None) -> None:
    refused = asked(service, "/api/images", assertion and assertion.encode("latin-1").decode("latin-1"))

    assert refused.status_code in {400, 403}  # 400: no header of this size is taken


def test_made_up_keys_ask_for_iaps_keys_hardly_ever(service: Stack, signer: Signer) -> None:
    for number in range(20):
        assert asked(service, "/", signer.sign(key=FOREIGN, key_id=f"made up {number}")).status_code == 403

    assert signer.asked <= 3


def test_whom_iap_has_let_in_sees_the_page_without_anything_that_changes_anything(
    service: Stack, signer: Signer
) -> None:
    shown = asked(service, "/", signer.sign())

    assert shown.status_code == 200
    assert "<body data-read-only " in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'self'")
    assert shown.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/uploads?name=a.png", "/api/samples", "/api/actions", "/api/faults"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_there_is_nothing_that_changes_anything(service: Stack, signer: Signer, path: str, method: str) -> None:
    assert asked(service, path, signer.sign(), method=method).status_code in {404, 405}


def test_results_are_shown_with_their_story_and_pubsub_is_not_needed(service: Stack, signer: Signer) -> None:
    blob = service.bucket(topology.UPLOADS).blob("cat.png")
    blob.upload_from_string(BYTES, content_type="image/png")
    commit(service, "cat.png", blob.generation)
    image = wait_until(lambda: _found(service, signer, "cat.png"), "image")

    assert [each["status"] for each in image["tasks"]] == ["failed"]
    assert asked(service, image["original"], signer.sign()).content == BYTES
    story = asked(service, f"/api/story?key={quote(image['key'], safe='')}", signer.sign()).json()
    assert {each["kind"] for each in story} == {"uploaded", "failed"}


def test_of_many_images_the_newest_are_shown_and_the_others_counted(service: Stack, signer: Signer) -> None:
    for number in range(NEWEST + 3):
        blob = service.bucket(topology.UPLOADS).blob(f"many/{number}.png")
        blob.upload_from_string(BYTES, content_type="image/png")

    def told() -> dict[str, Any] | None:
        _read(service, signer)
        found: dict[str, Any] = asked(service, "/api/images?limit=100", signer.sign()).json()
        return found if found["overview"]["older"] else None

    shown = wait_until(told, "older images")

    assert [each["name"] for each in shown["images"]] == [f"many/{number}.png" for number in range(6, 2, -1)]
    assert shown["overview"]["images"] == NEWEST


def test_keys_that_are_known_hold_while_iaps_address_does_not_answer() -> None:
    now_s = [0.0]
    with signing() as signer:
        keys = Keys(signer.address, clock=lambda: now_s[0])
        assert viewer_of(signer.sign(), audience=AUDIENCE, keys=keys) == "ada@example.com"
    now_s[0] += 7200

    assert viewer_of(signer.sign(), audience=AUDIENCE, keys=keys) == "ada@example.com"


def test_without_any_key_nobody_is_let_in_and_told_why(service: Stack) -> None:
    with signing() as signer:
        pass  # its address answers nobody any more

    with served(signer, service.storage) as address:
        refused = requests.get(address, headers={ASSERTION: signer.sign()}, timeout=DEADLINE_S)

    assert refused.status_code == 503
    assert refused.json()["error"].startswith(f"IAP's keys could not be read from {signer.address}")


def test_a_storage_that_does_not_answer_is_said(signer: Signer) -> None:
    headers = {ASSERTION: signer.sign()}
    with served(signer, f"http://{NOWHERE}") as address, page(Stack(address, "", ""), headers=headers) as events:
        told = next_of(events, "problem")

    assert told == {"message": "Cloud Storage does not answer."}


def test_without_an_audience_it_does_not_start(service: Stack) -> None:
    env = {**os.environ, **Endpoints(service.storage, NOWHERE, None).function_env(), "IAP_AUDIENCE": ""}
    argv = [sys.executable, "-m", "infra.viewer"]
    ended = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert ended.returncode == 2
    assert ended.stderr.startswith("IAP_AUDIENCE: expected /projects/NUMBER")


def _read(service: Stack, signer: Signer) -> None:
    """Open a page, until it has what is stored."""
    with page(service, headers={ASSERTION: signer.sign()}) as events:
        next_of(events, "ready")


def _found(service: Stack, signer: Signer, text: str) -> dict[str, Any] | None:
    _read(service, signer)
    images = asked(service, f"/api/images?q={quote(text)}", signer.sign()).json()["images"]
    return images[0] if images and images[0]["tasks"] else None
